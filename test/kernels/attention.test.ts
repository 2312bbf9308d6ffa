import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { attend, attendExactly, type Query } from './attention.twin.ts';
import { kernelHost } from './kernel-host.ts';
import { Cache } from './kv-cache.twin.ts';
import { relativeError } from './ulp.ts';

const TILE = 4;

interface Shape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Committed positions. */
  readonly length: number;
}

/** One pass: new rows with their parents, on a cache whose unused slots are NaN. */
interface Pass extends Shape {
  readonly parents: readonly number[];
  readonly cache: Cache;
  readonly stride: number;
  /** (rows, heads, headDim) by stride. */
  readonly q: Float32Array;
}

const eights = (n: number) => Math.ceil(n / 8) * 8;

/** A pass of random numbers. The cache has room for 64 rows and one spare block. */
function randomPass(next: () => number, shape: Shape, parents: readonly number[]): Pass {
  const { kvHeads, headDim, heads, length } = shape;
  const cache = new Cache({ kvHeads, headDim, capacity: eights(length + 64) + 8 });
  for (let slot = 0; slot < length + parents.length; slot++) {
    cache.store(slot, randomFloats(next, kvHeads * headDim), randomFloats(next, kvHeads * headDim));
  }
  const stride = heads * headDim + 2 * randomInt(next, 9);
  return { ...shape, parents, cache, stride, q: randomFloats(next, parents.length * stride, 2) };
}

/** New rows from the root to `row`. */
function pathTo(parents: readonly number[], row: number): number[] {
  return row < 0 ? [] : [...pathTo(parents, parents[row]!), row];
}

function scaleOf({ headDim }: Shape): number {
  return Math.fround(1 / Math.sqrt(headDim));
}

/** (rows, heads, headDim) as the kernel computes it, its tiles taken in `parts` calls. */
function run(pass: Pass, parts = 1): Float32Array {
  const { heads, kvHeads, headDim, length, parents, cache, stride } = pass;
  const rows = parents.length;
  const { capacity } = cache.shape;
  const host = kernelHost();
  const paths = new Int32Array(rows * rows).fill(-1);
  const depths = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const path = pathTo(parents, row);
    paths.set(path, row * rows);
    depths[row] = path.length - 1;
  }
  const out = host.place(new Float32Array(rows * heads * headDim));
  const scratch = host.place(new Float32Array(TILE * capacity).fill(NaN));
  const operands = [
    ...[
      out,
      host.place(pass.q),
      host.place(cache.keys),
      host.place(cache.values),
      host.place(paths),
      host.place(depths),
    ],
    ...[length, rows, heads, kvHeads, headDim, capacity, stride, scratch, scaleOf(pass)],
  ];
  const tiles = host.kernels.attentionTiles!(rows, heads, kvHeads);
  for (let part = 0; part < parts; part++) {
    host.kernels.attention!(...operands, Math.floor((tiles * part) / parts), Math.floor((tiles * (part + 1)) / parts));
  }
  return host.floats(out, rows * heads * headDim);
}

/** What query (row, head) of a pass reads; `visible` gives the slots in order of position. */
function queryOf(pass: Pass, row: number, head: number, visible = visibleSlots(pass, row)): Query {
  const { heads, kvHeads, headDim, stride, cache, q } = pass;
  const from = row * stride + head * headDim;
  const kvHead = Math.floor(head / (heads / kvHeads));
  return { q: q.subarray(from, from + headDim), cache, kvHead, slots: visible, scale: scaleOf(pass) };
}

function visibleSlots({ length, parents }: Pass, row: number): number[] {
  return [...Array.from({ length }, (_, slot) => slot), ...pathTo(parents, row).map((node) => length + node)];
}

/** (rows, heads, headDim) of a twin for one query. */
function everyQuery(pass: Pass, twin: (row: number, head: number) => ArrayLike<number>): Float32Array {
  const results: number[] = [];
  for (let row = 0; row < pass.parents.length; row++) {
    for (let head = 0; head < pass.heads; head++) results.push(...Array.from(twin(row, head)));
  }
  return Float32Array.from(results);
}

/** Parents of a random tree: a mixture of chains and stars, so that depths vary. */
function randomTree(next: () => number, rows: number): number[] {
  return Array.from({ length: rows }, (_, row) => (row === 0 ? -1 : next() < 0.5 ? row - 1 : randomInt(next, row)));
}

const chain = (rows: number) => Array.from({ length: rows }, (_, row) => row - 1);
const star = (rows: number) => Array.from({ length: rows }, (_, row) => (row === 0 ? -1 : 0));
const binary = (rows: number) => Array.from({ length: rows }, (_, row) => Math.floor((row + 1) / 2) - 1);

/** Every grouping of heads that matters: one head a group, groups that fill tiles and that do not; heads that fill strips and that do not. */
const SHAPES: readonly Shape[] = [
  { heads: 1, kvHeads: 1, headDim: 4, length: 0 },
  { heads: 2, kvHeads: 2, headDim: 12, length: 5 },
  { heads: 3, kvHeads: 1, headDim: 32, length: 64 },
  { heads: 9, kvHeads: 3, headDim: 20, length: 131 },
  { heads: 8, kvHeads: 2, headDim: 64, length: 7 },
  { heads: 7, kvHeads: 1, headDim: 128, length: 66 },
  { heads: 5, kvHeads: 5, headDim: 44, length: 33 },
];

for (const [seed, shape] of SHAPES.entries()) {
  test(`attention has the bits of its twin: ${JSON.stringify(shape)}, chains, stars, binary and random trees (seed ${seed})`, () => {
    const next = random(seed);
    const trees = [chain(1), chain(9), star(10), binary(15), ...[2, 3, 5, 21].map((rows) => randomTree(next, rows))];
    for (const parents of trees) {
      const pass = randomPass(next, shape, parents);
      const want = everyQuery(pass, (row, head) => attend(queryOf(pass, row, head)));
      assert.is(firstDifference(run(pass), want), -1, `${parents}`);
    }
  });
}

test('64 rows, as a chain, a star, a binary and a random tree, have the bits of the twin (seed 10)', () => {
  const next = random(10);
  for (const parents of [chain(64), star(64), binary(64), randomTree(next, 64)]) {
    const pass = randomPass(next, { heads: 3, kvHeads: 1, headDim: 8, length: 30 }, parents);
    const want = everyQuery(pass, (row, head) => attend(queryOf(pass, row, head)));
    assert.is(firstDifference(run(pass), want), -1);
  }
});

/** The pass of one row alone, after its ancestors were committed behind the old positions. */
function plainStep(pass: Pass, row: number): Pass {
  const { length, parents, cache, q, stride } = pass;
  const plain = new Cache(cache.shape);
  plain.keys.set(cache.keys);
  plain.values.set(cache.values);
  const path = pathTo(parents, row);
  for (const [depth, node] of path.entries()) plain.move(length + node, length + depth);
  return {
    ...pass,
    length: length + path.length - 1,
    parents: [-1],
    cache: plain,
    q: q.slice(row * stride, (row + 1) * stride),
  };
}

test('a row of a tree has the bits that it has alone, its ancestors committed (seed 11)', () => {
  const next = random(11);
  for (let round = 0; round < 12; round++) {
    const shape = SHAPES[round % SHAPES.length]!;
    const pass = randomPass(next, shape, randomTree(next, 1 + randomInt(next, 30)));
    const width = shape.heads * shape.headDim;
    const together = run(pass);
    for (let row = 0; row < pass.parents.length; row++) {
      const alone = run(plainStep(pass, row));
      assert.is(firstDifference(together.subarray(row * width, (row + 1) * width), alone), -1, `row ${row}`);
    }
  }
});

test('tiles taken in several calls give the same bits as in one (seed 12)', () => {
  const next = random(12);
  const pass = randomPass(next, { heads: 9, kvHeads: 3, headDim: 16, length: 40 }, randomTree(next, 11));
  const whole = run(pass);
  for (const parts of [2, 3, 7, 40]) assert.is(firstDifference(run(pass, parts), whole), -1);
});

test('attention is within 2e-6 of the f64 value, relative to the largest element, and 5e-6 over 4000 positions (seed 13)', () => {
  const next = random(13);
  for (const [length, bound] of [
    [300, 2e-6],
    [4000, 5e-6],
  ] as const) {
    const pass = randomPass(next, { heads: 2, kvHeads: 1, headDim: 64, length }, chain(3));
    const want = everyQuery(pass, (row, head) => attendExactly(queryOf(pass, row, head)));
    const error = relativeError(run(pass), want);
    assert.ok(error < bound, `${error} over ${length} positions`);
  }
});

//      0        planted faults are looked for on this tree, after six committed positions:
//      ├── 1    siblings, a node (4) whose path skips two slots, and room behind the last node
//      │   └── 4
//      ├── 2
//      └── 3
const SMALL = [-1, 0, 0, 0, 1];

function smallPass(seed: number): Pass {
  return randomPass(random(seed), { heads: 2, kvHeads: 1, headDim: 8, length: 6 }, SMALL);
}

/** Rows of SMALL where the kernel and a faulty twin differ. */
function differingRows(pass: Pass, faulty: (row: number, head: number) => Float32Array): number[] {
  const got = run(pass);
  const want = everyQuery(pass, faulty);
  const width = pass.heads * pass.headDim;
  const rowOf = (values: Float32Array, row: number) => values.subarray(row * width, (row + 1) * width);
  return SMALL.map((_, row) => row).filter((row) => firstDifference(rowOf(got, row), rowOf(want, row)) >= 0);
}

test('a visible sibling is seen (planted fault, seed 20)', () => {
  const pass = smallPass(20);
  const withSibling = (row: number) =>
    visibleSlots(pass, row).flatMap((slot) => (slot === 6 + 2 ? [6 + 1, slot] : [slot]));
  const rows = differingRows(pass, (row, head) => attend(queryOf(pass, row, head, withSibling(row))));
  assert.equal(rows, [2]);
});

test('an order by slot instead of position on the path is seen (planted fault, seed 21)', () => {
  // Slots ascend along a path, so only a cache whose committed part is out of order tells the two apart.
  const pass = smallPass(21);
  const reversed = (row: number) => visibleSlots(pass, row).reverse();
  const rows = differingRows(pass, (row, head) => attend(queryOf(pass, row, head, reversed(row))));
  assert.equal(rows, [0, 1, 2, 3, 4]);
});

test('a key zeroed instead of skipped is seen (planted fault, seed 22)', () => {
  const pass = smallPass(22);
  const zeroed = new Cache(pass.cache.shape);
  zeroed.keys.set(pass.cache.keys);
  zeroed.values.set(pass.cache.values);
  const nothing = new Float32Array(8);
  zeroed.store(6 + 5, nothing, nothing); // an unused slot
  const rows = differingRows(pass, (row, head) => {
    const query = queryOf(pass, row, head, [...visibleSlots(pass, row), 6 + 5]);
    return attend({ ...query, cache: zeroed });
  });
  assert.equal(rows, [0, 1, 2, 3, 4]);
});

test('a stale slot multiplied by zero instead of skipped is seen, as the slot holds NaN (planted fault, seed 23)', () => {
  const pass = smallPass(23);
  const got = run(pass);
  assert.ok(got.every(Number.isFinite));
  const stale = pass.cache.values[(6 + 5) * 8]!;
  const faulty = got.map((value) => value + 0 * stale);
  assert.is(firstDifference(got, faulty), 0);
});

test('a softmax summed in plain order instead of lanes is seen (planted fault, seed 24)', () => {
  const pass = smallPass(24);
  const inOrder = (n: number, term: (i: number) => number) => {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = Math.fround(sum + term(i));
    return sum;
  };
  const rows = differingRows(pass, (row, head) => attend({ ...queryOf(pass, row, head), sum: inOrder }));
  assert.ok(rows.length > 0);
});

test.run();
