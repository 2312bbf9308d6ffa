/**
 * Runs the command line in a terminal: a pseudo-terminal that `script` of util-linux makes (Debian, Ubuntu and most others have it), typed into as at a keyboard.
 * @module
 */
import { spawn } from 'node:child_process';
import process from 'node:process';
import { mainPath, type Outcome } from './command.ts';

/** What is typed once something is shown, as `plainText`, after the keys before. */
export interface Keys {
  readonly after: RegExp;
  readonly type: string;
}

export const CTRL_C = '\x03';
export const CTRL_D = '\x04';
export const ENTER = '\r';
export const UP = '\x1b[A';

/** A terminal that shows no more of what is waited for is ended. */
const PATIENCE_MS = 60_000;

/** @returns exit code, and on `stdout` all that the terminal was sent, of both streams */
export function inTerminal(parameters: readonly string[], keys: readonly Keys[]): Promise<Outcome> {
  const quoted = [process.execPath, mainPath, ...parameters].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  return new Promise((resolve, reject) => {
    const child = spawn(
      'script',
      ['--quiet', '--return', '--flush', '--command', `exec ${quoted.join(' ')}`, '/dev/null'],
      {
        env: { ...process.env, NODE_NO_WARNINGS: '1', TERM: 'xterm', SHELL: '/bin/sh' },
      },
    );
    let shown = '';
    let from = 0;
    const left = [...keys];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
      const [next] = left;
      if (!next?.after.test(plainText(shown.slice(from)))) return;
      left.shift();
      from = shown.length;
      child.stdin.write(next.type);
    });
    child.stdin.on('error', () => {});
    child.on('error', (cause) => reject(new Error('a terminal is needed: `script` of util-linux', { cause })));
    const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    child.on('close', (code) => {
      clearTimeout(patience);
      if (left.length > 0) reject(new Error(`never shown: ${left[0]!.after}; but ${JSON.stringify(shown)}`));
      else resolve({ code, stdout: shown, stderr: '' });
    });
  });
}

/** Text without what moves the cursor, erases or colours. */
export function plainText(shown: string): string {
  const sequences = new RegExp(`${'\x1b'}\\[[\\d;]*[A-Za-z]`, 'g');
  return shown.replaceAll(sequences, '').replaceAll('\r', '');
}
