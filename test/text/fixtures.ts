/**
 * The tokenizers that the tests of this folder use: small ones by pattern, and the embedded model's.
 * @module
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Tokenizer } from '../../src/text/tokenizer.ts';
import { parseTokenizer } from '../../src/text/tokenizer-kinds.ts';
import { repositoryFile } from '../harness.ts';

/** GPT-2's pattern, as files state it. */
export const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const FOLDER = 'test/fixtures/tokenizers';

/** Names of the tokenizers in test/fixtures/tokenizers/make.py, and of the embedded one. */
export const NAMES = [
  'gpt2',
  'llama3',
  'qwen2',
  'digits',
  'digit_runs',
  'partial',
  'dropping',
  'neox',
  'llama2',
  'mistral',
  'metaspace',
  'gemma',
  'phi3',
  'foretoken-code',
] as const;
export type Name = (typeof NAMES)[number];

/** Those whose vocabulary has all 256 bytes and that put no space in front: decoding gives the text back. */
export const LOSSLESS = ['gpt2', 'llama3', 'digits', 'foretoken-code', 'gemma'] as const satisfies readonly Name[];

export function tokenizerFile(name: Name): Uint8Array<ArrayBuffer> {
  const path = name === 'foretoken-code' ? 'weights/foretoken-code/tokenizer.json' : `${FOLDER}/${name}.json`;
  return new Uint8Array(readFileSync(repositoryFile(path)));
}

export function tokenizer(name: Name): Tokenizer {
  return parseTokenizer(tokenizerFile(name), name);
}

// biome-ignore lint/suspicious/noExplicitAny: tests change files in every way there is
export type Json = any;

/** The tokenizer of a file after a change to it. */
export function changed(name: Name, change: (file: Json) => void): Tokenizer {
  const file = JSON.parse(new TextDecoder().decode(tokenizerFile(name)));
  change(file);
  return parseTokenizer(new TextEncoder().encode(JSON.stringify(file)), name);
}

/** A change that sets one value of a file: `set('model.fuse_unk', false)`; undefined takes it out. */
export function set(path: string, value: unknown): (file: Json) => void {
  return (file) => {
    const names = path.split('.');
    const last = names.pop()!;
    names.reduce((inner, name) => inner[name], file)[last] = value;
  };
}

/** What Hugging Face tokenizers (Python) answered; test/fixtures/tokenizers/make.py wrote it. */
export const answers: {
  readonly tokenizers: string;
  /** SHA-256 over the kinds of all code points. */
  readonly kinds: string;
  /** SHA-256 of each file that was asked. */
  readonly files: Record<Name, string>;
  /** SHA-256 over the ids of each family of lines. */
  readonly ids: Record<Name, Record<string, string>>;
  /** SHA-256 over what each family of lines is decoded to, one line a text. */
  readonly texts: Record<Name, Record<string, string>>;
  /** SHA-256 over the normalisation forms C of `composed`. */
  readonly nfc: string;
} = JSON.parse(readFileSync(repositoryFile(`${FOLDER}/answers.json`), 'utf8'));

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** SHA-256 over each text's number of ids and ids, as little-endian int32; every special token is found. */
export function digestOfIds(of: Tokenizer, texts: readonly string[]): string {
  const words: number[] = [];
  for (const text of texts) {
    const ids = of.encode(text, { allowSpecial: 'all' });
    words.push(ids.length, ...ids);
  }
  return sha256(new Uint8Array(Int32Array.from(words).buffer));
}

/** SHA-256 over texts in UTF-8, a line end behind each. */
export function digestOfTexts(texts: Iterable<string>): string {
  const digest = createHash('sha256');
  for (const text of texts) digest.update(`${text}\n`);
  return digest.digest('hex');
}
