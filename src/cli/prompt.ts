/**
 * The prompt of a command: an argument, a file, token ids, or stdin.
 * @module
 */
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { ForetokenError, quote } from '../errors.ts';
import type { OptionTable, OptionValues } from './options.ts';

export const PROMPT_OPTIONS = {
  file: { kind: 'text', value: 'PATH', help: 'read the prompt from a file, every byte of it' },
  'prompt-ids': {
    kind: 'list',
    value: 'IDS',
    help: 'the prompt as token ids, 1,2,3: needs no tokenizer, and text is left out',
  },
} as const satisfies OptionTable;

/**
 * @param argument the positional argument; `-` is stdin
 * @param stdin    whether stdin is read when nothing is given; a terminal never is
 * @returns text, or token ids; undefined when there is no prompt
 * @throws {ForetokenError} `usage.prompt` when several are given, or what is read is not UTF-8; `source.read` when it cannot be read
 */
export async function readPrompt(
  argument: string | undefined,
  { file, 'prompt-ids': ids }: OptionValues<typeof PROMPT_OPTIONS>,
  { stdin = true } = {},
): Promise<string | number[] | undefined> {
  if ([argument, file, ids].filter((given) => given !== undefined).length > 1) {
    throw new ForetokenError('usage.prompt', 'more than one prompt: give an argument, --file or --prompt-ids');
  }
  if (ids) return ids.map(tokenId);
  if (file !== undefined) return utf8(await readBytes(file), file);
  if (argument !== undefined && argument !== '-') return argument;
  if (argument === undefined && (!stdin || process.stdin.isTTY)) return undefined;
  return utf8(await readStdin(), 'stdin');
}

function tokenId(text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new ForetokenError('usage.prompt', `--prompt-ids: ${quote(text)} is not a token id`);
  return Number(text);
}

async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new ForetokenError(
      'source.read',
      `prompt file ${quote(path)} could not be read: ${(cause as NodeJS.ErrnoException).code}`,
      { cause },
    );
  }
}

async function readStdin(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function utf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ForetokenError('usage.prompt', `prompt from ${quote(name)} is not UTF-8`, { cause });
  }
}
