/**
 * Byte-pair merging: while any neighbours form a known pair, the pair of the lowest rank is merged, the leftmost of equals first.
 * Source: Sennrich, Haddow and Birch, 2016, arXiv 1508.07909.
 *
 * A run of n symbols takes O(n log n) steps whatever the merges are: a heap of pairs over a linked list of symbols. Pairs are looked
 * up by binary search in sorted rows, so that no file can make the look-up slow. Integers only; nothing is allocated for short runs.
 * @module
 */

/** Merges: (M,) ids of the left and the right token of each, and by rank what it makes. */
export interface Merges {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly merged: Int32Array;
  /** (M,) rank of each merge, rising; without it each has its own, its place. */
  readonly ranks?: Int32Array;
}

/** A stable counting sort. @returns `order` rearranged so that `keys` of it rise; every key is in 0..bound - 1 */
function sortedBy(keys: Int32Array, bound: number, order: Int32Array): Int32Array {
  const starts = rowStarts(keys, bound);
  const sorted = new Int32Array(order.length);
  for (const index of order) sorted[starts[keys[index]!]!++] = index;
  return sorted;
}

/** (bound + 1,) where the row of each key starts, once the keys are sorted. */
function rowStarts(keys: Int32Array, bound: number): Int32Array {
  const starts = new Int32Array(bound + 1);
  for (const key of keys) starts[key + 1]!++;
  for (let key = 0; key < bound; key++) starts[key + 1]! += starts[key]!;
  return starts;
}

/** A list of merges, and the rank of any pair in it. */
export class PairTable {
  /** By rank: what a merge makes. */
  readonly merged: Int32Array;
  /** (K + 1,) row of each left token. */
  readonly #rows: Int32Array;
  /** (M,) right tokens, rising within a row. */
  readonly #rights: Int32Array;
  /** (M,) rank of the pair at the same place. */
  readonly #ranks: Int32Array;

  /** @param tokens K: ids are 0..tokens - 1 */
  constructor({ left, right, merged, ranks }: Merges, tokens: number) {
    this.merged = merged;
    const order = sortedBy(left, tokens, sortedBy(right, tokens, Int32Array.from(left.keys())));
    this.#ranks = ranks ? order.map((merge) => ranks[merge]!) : order;
    this.#rights = order.map((merge) => right[merge]!);
    this.#rows = rowStarts(left, tokens);
  }

  /** @returns the rank of the pair, or -1; of a pair given twice, the first */
  rank(left: number, right: number): number {
    const end = this.#rows[left + 1]!;
    let low = this.#rows[left]!;
    let high = end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rights[middle]! < right) low = middle + 1;
      else high = middle;
    }
    return low < end && this.#rights[low] === right ? this.#ranks[low]! : -1;
  }
}

/** Symbols whose working memory is kept between calls; longer runs get their own for the call. */
const KEPT_SYMBOLS = 1024;

/** Working memory for runs of up to `capacity` symbols. -1: no such symbol, no such pair. */
class Workspace {
  readonly previous: Int32Array;
  readonly next: Int32Array;
  /** Rank of the pair of a symbol and the next. */
  readonly ranks: Int32Array;
  readonly queue: MinHeap;

  constructor(capacity: number) {
    this.previous = new Int32Array(capacity);
    this.next = new Int32Array(capacity);
    this.ranks = new Int32Array(capacity);
    // Every symbol but the last starts one pair; a merge takes one pair out and puts at most two in.
    this.queue = new MinHeap(2 * capacity);
  }
}

/** Applies one list of merges to runs of symbols. */
export class BytePairs {
  readonly #table: PairTable;
  readonly #kept = new Workspace(KEPT_SYMBOLS);

  constructor(table: PairTable) {
    this.#table = table;
  }

  /**
   * Merges the first `count` symbols in place.
   *
   * @param symbols token ids
   * @returns how many symbols are left, at the start of `symbols`
   */
  merge(symbols: Int32Array, count: number): number {
    const { previous, next, ranks, queue } = count <= KEPT_SYMBOLS ? this.#kept : new Workspace(count);
    /** Order of work: by rank, then from left to right. Exact: ranks stay below 2^21 and runs below 2^32. */
    const offer = (at: number): void => {
      const follower = next[at]!;
      const rank = follower < 0 ? -1 : this.#table.rank(symbols[at]!, symbols[follower]!);
      ranks[at] = rank;
      if (rank >= 0) queue.push(rank * count + at);
    };

    for (let at = 0; at < count; at++) {
      previous[at] = at - 1;
      next[at] = at + 1 < count ? at + 1 : -1;
    }
    for (let at = 0; at < count; at++) offer(at);

    while (queue.size > 0) {
      const key = queue.pop();
      const rank = Math.floor(key / count);
      const at = key - rank * count;
      if (ranks[at] !== rank) continue; // one of the two symbols has been merged since
      const gone = next[at]!;
      const after = next[gone]!;
      symbols[at] = this.#table.merged[rank]!;
      ranks[gone] = -1;
      next[at] = after;
      if (after >= 0) previous[after] = at;
      if (previous[at]! >= 0) offer(previous[at]!);
      offer(at);
    }

    let left = 0;
    for (let at = count > 0 ? 0 : -1; at >= 0; at = next[at]!) symbols[left++] = symbols[at]!;
    return left;
  }
}

/** A binary heap of numbers, the smallest on top. */
class MinHeap {
  size = 0;
  readonly #keys: Float64Array;

  constructor(capacity: number) {
    this.#keys = new Float64Array(capacity);
  }

  push(key: number): void {
    const keys = this.#keys;
    let at = this.size++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[at] = keys[parent]!;
      at = parent;
    }
    keys[at] = key;
  }

  /** Takes the smallest out; there must be one. */
  pop(): number {
    const keys = this.#keys;
    const top = keys[0]!;
    const key = keys[--this.size]!;
    let at = 0;
    for (let child = 1; child < this.size; child = 2 * at + 1) {
      if (child + 1 < this.size && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= key) break;
      keys[at] = keys[child]!;
      at = child;
    }
    keys[at] = key;
    return top;
  }
}
