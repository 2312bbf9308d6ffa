import { BytePairs, type Merges, PairTable } from '../../src/text/byte-pairs.ts';
import { assert, random, randomInt, test } from '../harness.ts';

/** Random merges over `letters` single symbols: every merge makes a new token of two earlier ones. */
function randomMerges(next: () => number, letters: number, count: number): Merges & { readonly vocab: number } {
  const seen = new Set<string>();
  const [left, right]: [number[], number[]] = [[], []];
  while (left.length < count) {
    const pair = [randomInt(next, letters + left.length), randomInt(next, letters + left.length)] as const;
    if (seen.has(pair.join())) continue;
    seen.add(pair.join());
    left.push(pair[0]);
    right.push(pair[1]);
  }
  return {
    left: Int32Array.from(left),
    right: Int32Array.from(right),
    merged: Int32Array.from({ length: count }, (_, i) => letters + i),
    vocab: letters + count,
  };
}

/** The definition, in quadratic time: while there is a pair, merge the lowest; `lastOfEquals` plants a fault. */
function mergeByDefinition(merges: Merges, symbols: readonly number[], lastOfEquals = false): number[] {
  const rankAt = (run: readonly number[], at: number): number => {
    const rank = merges.left.findIndex((left, i) => left === run[at] && merges.right[i] === run[at + 1]);
    return rank < 0 ? Number.POSITIVE_INFINITY : rank;
  };
  let run = [...symbols];
  for (;;) {
    const ranks = run.slice(1).map((_, at) => rankAt(run, at));
    const lowest = Math.min(...ranks);
    if (lowest === Number.POSITIVE_INFINITY) return run;
    const at = lastOfEquals ? ranks.lastIndexOf(lowest) : ranks.indexOf(lowest);
    run = [...run.slice(0, at), merges.merged[lowest]!, ...run.slice(at + 2)];
  }
}

function merge(pairs: BytePairs, symbols: readonly number[]): number[] {
  const run = Int32Array.from(symbols);
  return Array.from(run.subarray(0, pairs.merge(run, run.length)));
}

/** How many of 400 random runs under random merges differ from the definition. */
function differences(seed: number, lastOfEquals: boolean): number {
  const next = random(seed);
  let different = 0;
  for (let set = 0; set < 40; set++) {
    const merges = randomMerges(next, 1 + randomInt(next, 4), 1 + randomInt(next, 30));
    const pairs = new BytePairs(new PairTable(merges, merges.vocab));
    const letters = merges.vocab - merges.left.length;
    for (let i = 0; i < 10; i++) {
      const run = Array.from({ length: randomInt(next, 40) }, () => randomInt(next, letters));
      if (merge(pairs, run).join() !== mergeByDefinition(merges, run, lastOfEquals).join()) different++;
    }
  }
  return different;
}

test('merging is the definition: the lowest rank first, the leftmost of equals (seed 5)', () => {
  assert.is(differences(5, false), 0);
});

test('the comparison catches merging the rightmost of equals (seed 5)', () => {
  assert.ok(differences(5, true) > 0);
});

test('every pair of a table has its rank, and no other pair has one (seed 6)', () => {
  const merges = randomMerges(random(6), 9, 60);
  const table = new PairTable(merges, merges.vocab);
  for (let left = 0; left < merges.vocab; left++) {
    for (let right = 0; right < merges.vocab; right++) {
      const rank = merges.left.findIndex((id, i) => id === left && merges.right[i] === right);
      assert.is(table.rank(left, right), rank);
    }
  }
});

test('a run longer than the kept working memory gives what it gives in the definition, and short runs still work after it', () => {
  const merges: Merges = { left: Int32Array.of(0, 1), right: Int32Array.of(0, 1), merged: Int32Array.of(1, 2) };
  const pairs = new BytePairs(new PairTable(merges, 3));
  assert.equal(merge(pairs, new Array(4097).fill(0)), [...new Array(1024).fill(2), 0]);
  assert.equal(merge(pairs, [0, 0, 0]), [1, 0]);
  assert.equal(merge(pairs, [0]), [0]);
  assert.equal(merge(pairs, []), []);
});

test.run();
