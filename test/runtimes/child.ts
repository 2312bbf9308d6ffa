/**
 * A program that a test starts: a runtime, a browser.
 * @module
 */
import { spawn } from 'node:child_process';

export interface Child {
  /** Both output streams so far. */
  output(): string;
  /** Standard output so far. */
  written(): string;
  /** Resolves when it has ended, with its exit code. */
  readonly ended: Promise<number | null>;
  /** Resolves with the first line that `pattern` matches on file descriptor 3. */
  control(pattern: RegExp): Promise<RegExpExecArray>;
  /** Ends it; a browser's other processes end with their connection to it. */
  stop(): Promise<void>;
}

/** Where a program runs, and what its environment has beside that of the test. */
export interface ChildPlace {
  readonly folder?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function startChild(
  program: string,
  parameters: readonly string[],
  { folder, env = {} }: ChildPlace = {},
): Child {
  // In the group of the test's process: when the guard ends that for taking too long, this ends too.
  const child = spawn(program, parameters, {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    ...(folder !== undefined && { cwd: folder }),
    env: { ...process.env, NO_COLOR: '1', ...env },
  });
  const text = { output: '', written: '', control: '' };
  const [, stdout, stderr, control] = child.stdio;
  stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text.written += chunk;
    text.output += chunk;
  });
  stderr?.setEncoding('utf8').on('data', (chunk: string) => (text.output += chunk));
  const ended = new Promise<number | null>((resolve) => {
    child.on('error', (error) => {
      text.output += error.message;
      resolve(-1);
    });
    child.on('close', (code) => resolve(code));
  });
  return {
    output: () => text.output,
    written: () => text.written,
    ended,
    control: (pattern) =>
      new Promise((resolve, reject) => {
        control?.on('data', (chunk: Buffer) => {
          text.control += chunk.toString();
          const match = pattern.exec(text.control);
          if (match) resolve(match);
        });
        ended.then((code) => reject(new Error(`${program} ended with code ${code}:\n${text.output}`)));
      }),
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
