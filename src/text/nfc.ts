/**
 * Normalisation form C, the same on every runtime, in time proportional to the text.
 *
 * Hosts know different versions of Unicode, and composition differs only for characters that one of them does not know. The reference knows Unicode
 * 9.0: here each stretch of characters of that version is the host's to compose, which no later version may do otherwise, and a newer
 * character stands between stretches as it is. Hosts move marks one place at a time, so marks are put in order before.
 * Source: Unicode Standard Annex 15, its canonical ordering and its stability policy.
 * @module
 */
import { boundaries, isInside, unpack } from './unicode.ts';
import { MARK_RUNS, UNASSIGNED_RUNS } from './unicode-marks.ts';

const UNASSIGNED = boundaries(UNASSIGNED_RUNS);

/** The place of each mark's combining class, from 1 on. */
const CLASSES: ReadonlyMap<number, number> = (() => {
  const classes = new Map<number, number>();
  const numbers = unpack(MARK_RUNS);
  let point = 0;
  for (let i = 0; i < numbers.length; i += 3) {
    point += numbers[i]!;
    for (let end = point + numbers[i + 1]!; point < end; point++) classes.set(point, numbers[i + 2]!);
  }
  return classes;
})();

/** The three characters that are no marks and decompose to marks alone. */
const MADE_OF_MARKS: Readonly<Record<string, string>> = {
  '\u0f73': '\u0f71\u0f72',
  '\u0f75': '\u0f71\u0f74',
  '\u0f81': '\u0f71\u0f80',
};

/** @param text without unpaired surrogates */
export function nfc(text: string): string {
  // Below U+0300 nothing composes.
  if (!/[^\0-\u02ff]/.test(text)) return text;
  let result = '';
  let stretch = '';
  let marks: string[] = [];
  const takeMarks = () => {
    if (marks.length > 1) marks.sort((a, b) => classOf(a) - classOf(b));
    stretch += marks.join('');
    marks = [];
  };
  for (const character of text.replace(/[\u0f73\u0f75\u0f81]/g, (made) => MADE_OF_MARKS[made]!)) {
    const codePoint = character.codePointAt(0)!;
    if (CLASSES.has(codePoint)) {
      marks.push(character);
      continue;
    }
    takeMarks();
    if (isInside(UNASSIGNED, codePoint)) {
      result += stretch.normalize('NFC') + character;
      stretch = '';
    } else {
      stretch += character;
    }
  }
  takeMarks();
  return result + stretch.normalize('NFC');
}

const classOf = (mark: string): number => CLASSES.get(mark.codePointAt(0)!)!;
