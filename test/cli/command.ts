/**
 * Runs the command line as a user does: in a process of its own.
 * @module
 */
import { spawn } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** The program beside this file: src/cli/main.ts, or what tsc made of it in build/. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
export const mainPath = fileURLToPath(new URL(`../../src/cli/main.${extension}`, import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Conditions {
  /** What stdin holds; nothing when absent. */
  readonly input?: string | Uint8Array;
  /** Variables beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Called at the first output on stdout. */
  readonly onOutput?: (child: ReturnType<typeof spawn>) => void;
  /** Called with all of stderr so far, whenever there is more. */
  readonly onMessage?: (child: ReturnType<typeof spawn>, text: string) => void;
}

export function foretoken(
  parameters: readonly string[],
  { input, env, onOutput, onMessage }: Conditions = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [mainPath, ...parameters], {
      env: { ...process.env, NODE_NO_WARNINGS: '1', ...env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout === '') onOutput?.(child);
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      onMessage?.(child, stderr);
    });
    child.stdin.on('error', () => {}); // a command that reads no stdin may be gone before it is written
    child.stdin.end(input ?? '');
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
