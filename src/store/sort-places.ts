/**
 * Orders places of a text by the tokens before them, read backwards: a three-way radix quicksort, so that equal beginnings are compared once, with
 * a depth that ends it: a text of one token repeated takes no longer than another.
 * Source: Bentley and Sedgewick, "Fast algorithms for sorting and searching strings", 1997.
 * @module
 */
import { DEPTH } from './format.ts';

/** Groups as small as this are sorted by insertion. */
const SMALL = 12;

/** A text: token ids, and `end` between documents. */
export interface Text {
  readonly tokens: Uint16Array | Uint32Array;
  readonly end: number;
}

/**
 * Sorts in place, and takes no further memory: log2(n) calls at most stand inside each other.
 *
 * @param places positions, each with a token before it
 * @param depth  tokens before each place that are known to agree
 */
export function sortPlaces(text: Text, places: Uint32Array, depth: number): void {
  sort(text, places, 0, places.length, depth, { state: 1 });
}

/** Token at `depth` + 1 before a place; -1 where the document, or the text, begins before that. */
function keyAt({ tokens, end }: Text, place: number, depth: number): number {
  const token = place > depth ? tokens[place - 1 - depth]! : end;
  return token === end ? -1 : token;
}

function sort(
  text: Text,
  places: Uint32Array,
  from: number,
  to: number,
  agreed: number,
  random: { state: number },
): void {
  let low = from;
  let high = to;
  let depth = agreed;
  while (high - low > 1) {
    if (depth === DEPTH) {
      places.subarray(low, high).sort();
      return;
    }
    if (high - low <= SMALL) {
      insertionSort(text, places, low, high, depth);
      return;
    }
    random.state = (Math.imul(random.state, 1664525) + 1013904223) >>> 0;
    const pivot = keyAt(text, places[low + (random.state % (high - low))]!, depth);
    // low .. below .. above .. high: less than the pivot, equal, more
    let below = low;
    let above = high;
    for (let at = low; at < above; ) {
      const place = places[at]!;
      const key = keyAt(text, place, depth);
      if (key < pivot) {
        places[at++] = places[below]!;
        places[below++] = place;
      } else if (key > pivot) {
        places[at] = places[--above]!;
        places[above] = place;
      } else at++;
    }
    // Beyond the beginning of a document there is nothing to compare.
    const equalDepth = pivot < 0 ? DEPTH : depth + 1;
    const groups = [
      { low, high: below, depth },
      { low: below, high: above, depth: equalDepth },
      { low: above, high, depth },
    ].sort((a, b) => a.high - a.low - (b.high - b.low));
    for (const group of groups.slice(0, 2)) sort(text, places, group.low, group.high, group.depth, random);
    ({ low, high, depth } = groups[2]!);
  }
}

function insertionSort(text: Text, places: Uint32Array, low: number, high: number, depth: number): void {
  for (let i = low + 1; i < high; i++) {
    const place = places[i]!;
    let at = i;
    for (; at > low && compare(text, places[at - 1]!, place, depth) > 0; at--) places[at] = places[at - 1]!;
    places[at] = place;
  }
}

function compare(text: Text, a: number, b: number, agreed: number): number {
  for (let depth = agreed; depth < DEPTH; depth++) {
    const key = keyAt(text, a, depth);
    const difference = key - keyAt(text, b, depth);
    if (difference !== 0) return difference;
    if (key < 0) break;
  }
  return a - b;
}
