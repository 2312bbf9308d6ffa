/**
 * What a code point is to the splitting patterns of tokenizers: a letter, a number, white space or something else.
 *
 * Our own tables of one Unicode version, so that every runtime splits text the same way. A code point that a later version
 * assigns is something else here, as it is to the reference.
 * @module
 */
import { LETTER_RUNS, NUMBER_RUNS, SPACE_RUNS } from './unicode-ranges.ts';

/** Kinds are bits, so that a set of kinds is a sum of them. END is what lies past the text: in no set. */
export const END = 0;
export const OTHER = 1;
export const LETTER = 2;
export const NUMBER = 4;
export const SPACE = 8;

/** The numbers of a packed table. See scripts/unicode-tables.mjs for the digits. */
export function unpack(packed: string): number[] {
  const numbers: number[] = [];
  let number = 0;
  let scale = 1;
  for (let i = 0; i < packed.length; i++) {
    const digit = packed.charCodeAt(i) - 40;
    number += (digit % 26) * scale;
    scale *= 26;
    if (digit >= 26) continue;
    numbers.push(number);
    number = 0;
    scale = 1;
  }
  return numbers;
}

/** (runs,) first code point of every run: outside the set, inside, outside ... */
export function boundaries(packed: string): Int32Array {
  let start = 0;
  return Int32Array.from(unpack(packed), (length) => (start += length));
}

const LETTERS = boundaries(LETTER_RUNS);
const NUMBERS = boundaries(NUMBER_RUNS);
const SPACES = boundaries(SPACE_RUNS);

/** Inside means that an odd number of boundaries lie at or below the code point. */
export function isInside(set: Int32Array, codePoint: number): boolean {
  let low = 0;
  let high = set.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (set[middle]! <= codePoint) low = middle + 1;
    else high = middle;
  }
  return (low & 1) === 1;
}

function search(codePoint: number): number {
  if (isInside(LETTERS, codePoint)) return LETTER;
  if (isInside(NUMBERS, codePoint)) return NUMBER;
  return isInside(SPACES, codePoint) ? SPACE : OTHER;
}

const ASCII = Uint8Array.from({ length: 128 }, (_, codePoint) => search(codePoint));

/** @returns OTHER, LETTER, NUMBER or SPACE */
export function kindOf(codePoint: number): number {
  return codePoint < 128 ? ASCII[codePoint]! : search(codePoint);
}

/** Kind of the character that starts at a UTF-16 index; END past the text. */
export function kindAt(text: string, at: number): number {
  const codePoint = text.codePointAt(at);
  return codePoint === undefined ? END : kindOf(codePoint);
}

/** Where the run of characters of some kinds that starts at `from` ends: at most `most` characters on. UTF-16 indices. */
export function endOfRun(text: string, from: number, kinds: number, most = Number.POSITIVE_INFINITY): number {
  let at = from;
  for (let characters = 0; characters < most && (kindAt(text, at) & kinds) !== 0; characters++) {
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  }
  return at;
}
