import { attentionScratchBytes, KV_TYPES, type KvType } from '../../src/engine/kv-type.ts';
import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { attend, attendExactly, type Query } from './attention.twin.ts';
import { kernelHost } from './kernel-host.ts';
import { Cache, type Row } from './kv-cache.twin.ts';
import { holdScaled, largestMagnitude } from './kv-type.twin.ts';
import { relativeError } from './ulp.ts';

const TYPES = ['f32', 'f16', 'q8'] as const;

interface Shape {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Committed positions. */
  readonly length: number;
  /** Positions that a row sees; default all. */
  readonly window?: number;
  /** Soft cap of scores; default none. */
  readonly cap?: number;
}

/** One pass: new rows with their parents, on a cache whose unused slots are poisoned. */
interface Pass extends Shape {
  readonly parents: readonly number[];
  readonly cache: Cache;
  /** (kvHeads, headDim) keys and values by slot, as they were before the cache rounded them. */
  readonly unrounded: readonly { readonly k: Float32Array; readonly v: Float32Array }[];
  readonly stride: number;
  /** (rows, heads, headDim) by stride. */
  readonly q: Float32Array;
}

const eights = (n: number) => Math.ceil(n / 8) * 8;

/** A pass of random numbers. The cache has room for 64 rows and one spare block. */
function randomPass(next: () => number, shape: Shape, parents: readonly number[], type: KvType = 'f32'): Pass {
  const { kvHeads, headDim, heads, length } = shape;
  const cache = new Cache({ type, kvHeads, headDim, capacity: eights(length + 64) + 8 });
  const unrounded = Array.from({ length: length + parents.length }, (_, slot) => {
    const [k, v] = [randomFloats(next, kvHeads * headDim), randomFloats(next, kvHeads * headDim)];
    cache.store(slot, k, v);
    return { k, v };
  });
  const stride = heads * headDim + 2 * randomInt(next, 9);
  return { ...shape, parents, cache, unrounded, stride, q: randomFloats(next, parents.length * stride, 2) };
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
  const { capacity, type } = cache.shape;
  const host = kernelHost();
  const paths = new Int32Array(rows * rows).fill(-1);
  const depths = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    const path = pathTo(parents, row);
    paths.set(path, row * rows);
    depths[row] = path.length - 1;
  }
  const out = host.place(new Float32Array(rows * heads * headDim));
  const scratch = host.place(new Float32Array(attentionScratchBytes(capacity, headDim) / 4).fill(NaN));
  const operands = [
    ...[KV_TYPES[type], out, host.place(pass.q), host.place(cache.keys.bytes), host.place(cache.values.bytes)],
    ...[host.place(paths), host.place(depths)],
    ...[
      length,
      rows,
      heads,
      kvHeads,
      headDim,
      capacity,
      stride,
      scratch,
      scaleOf(pass),
      pass.window ?? 0,
      pass.cap ?? 0,
    ],
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
  return {
    type: cache.shape.type,
    q: q.subarray(from, from + headDim),
    keys: visible.map((slot) => cache.key(kvHead, slot)),
    values: visible.map((slot) => cache.value(kvHead, slot)),
    scale: scaleOf(pass),
    ...(pass.cap !== undefined && { cap: pass.cap }),
  };
}

/** The same, but keys and values of the slots that `isFresh` names are read as they were before they were rounded. */
function unroundedQueryOf(pass: Pass, row: number, head: number, isFresh: (slot: number) => boolean): Query {
  const { heads, kvHeads, headDim, unrounded } = pass;
  const from = Math.floor(head / (heads / kvHeads)) * headDim;
  const slots = visibleSlots(pass, row);
  const query = queryOf(pass, row, head);
  const original = (x: Float32Array): Row => ({ numbers: x.subarray(from, from + headDim), scale: 1 });
  return {
    ...query,
    keys: query.keys.map((key, t) => (isFresh(slots[t]!) ? original(unrounded[slots[t]!]!.k) : key)),
    values: query.values.map((value, t) => (isFresh(slots[t]!) ? original(unrounded[slots[t]!]!.v) : value)),
  };
}

function visibleSlots({ length, parents, window = Infinity }: Pass, row: number): number[] {
  const path = [...Array.from({ length }, (_, slot) => slot), ...pathTo(parents, row).map((node) => length + node)];
  return path.slice(Math.max(path.length - window, 0));
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

/** Windows that begin among committed positions, among the nodes of a path, and before both; in tiles of several rows, and of one. */
const WINDOWED: readonly Shape[] = [
  { heads: 2, kvHeads: 2, headDim: 12, length: 5, window: 1 },
  { heads: 3, kvHeads: 1, headDim: 32, length: 64, window: 4 },
  { heads: 9, kvHeads: 3, headDim: 20, length: 131, window: 41, cap: 3 },
  { heads: 8, kvHeads: 2, headDim: 64, length: 7, window: 9 },
  { heads: 5, kvHeads: 5, headDim: 44, length: 33, window: 33, cap: 50 },
  { heads: 4, kvHeads: 4, headDim: 8, length: 0, window: 3 },
  { heads: 1, kvHeads: 1, headDim: 16, length: 90, window: 1000, cap: 0.5 },
];

for (const [i, shape] of WINDOWED.entries()) {
  for (const type of TYPES) {
    const seed = 40 + i;
    test(`attention in a window has the bits of its twin: ${type}, ${JSON.stringify(shape)} (seed ${seed})`, () => {
      const next = random(seed);
      const trees = [chain(1), chain(17), star(10), binary(15), ...[2, 3, 5, 21].map((rows) => randomTree(next, rows))];
      for (const parents of trees) {
        const pass = randomPass(next, shape, parents, type);
        const want = everyQuery(pass, (row, head) => attend(queryOf(pass, row, head)));
        assert.is(firstDifference(run(pass), want), -1, `${parents}`);
        assert.is(firstDifference(run(pass, 3), want), -1, `${parents}, in parts`);
      }
    });
  }
}

for (const [seed, shape, type] of SHAPES.flatMap((shape, seed) => TYPES.map((type) => [seed, shape, type] as const))) {
  test(`attention has the bits of its twin: ${type}, ${JSON.stringify(shape)}, chains, stars, binary and random trees (seed ${seed})`, () => {
    const next = random(seed);
    const trees = [chain(1), chain(9), star(10), binary(15), ...[2, 3, 5, 21].map((rows) => randomTree(next, rows))];
    for (const parents of trees) {
      const pass = randomPass(next, shape, parents, type);
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
  const plain = cache.copy();
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
  const shapes = [...SHAPES, ...WINDOWED];
  for (let round = 0; round < 3 * shapes.length; round++) {
    const shape = shapes[round % shapes.length]!;
    const pass = randomPass(next, shape, randomTree(next, 1 + randomInt(next, 30)), TYPES[round % TYPES.length]);
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

for (const [type, ...bounds] of [
  ['f32', 2e-6, 5e-6],
  ['f16', 2e-6, 5e-6],
  ['q8', 1e-4, 1e-4], // its queries have 15 bits
] as const) {
  test(`${type}: attention is within ${bounds[0]} of the f64 value of what the cache holds, relative to the largest element, and ${bounds[1]} over 4000 positions (seed 13)`, () => {
    const next = random(13);
    for (const [length, bound] of [
      [300, bounds[0]],
      [4000, bounds[1]],
    ] as const) {
      const pass = randomPass(next, { heads: 2, kvHeads: 1, headDim: 64, length }, chain(3), type);
      const want = everyQuery(pass, (row, head) => attendExactly(queryOf(pass, row, head)));
      const error = relativeError(run(pass), want);
      assert.ok(error < bound, `${error} over ${length} positions`);
    }
  });
}

test('the largest heads, keys, values and queries have the bits of the twin, and nothing overflows (seed 15)', () => {
  const next = random(15);
  for (const type of TYPES) {
    for (const [headDim, size] of [
      [1024, 1],
      [8, 60_000],
    ] as const) {
      const pass = randomPass(next, { heads: 1, kvHeads: 1, headDim, length: 9 }, chain(2), type);
      const row = new Float32Array(headDim).fill(size);
      for (let slot = 0; slot < 11; slot++) pass.cache.store(slot, row, row);
      pass.q.fill(size === 1 ? 1 : 1e6); // f16 cuts queries off at 65504
      const got = run(pass);
      assert.is(
        firstDifference(
          got,
          everyQuery(pass, (r, head) => attend(queryOf(pass, r, head))),
        ),
        -1,
        type,
      );
      assert.ok(
        got.every((value) => Math.abs(value / size - 1) < 1e-3),
        `${type} ${got}`,
      );
    }
  }
});

test('a query of zeros attends to all positions alike (seed 16)', () => {
  for (const type of TYPES) {
    const pass = randomPass(random(16), { heads: 1, kvHeads: 1, headDim: 4, length: 15 }, chain(1), type);
    pass.q.fill(0);
    const mean = Array.from({ length: 4 }, (_, d) => {
      const values = Array.from({ length: 16 }, (__, slot) => pass.cache.value(0, slot));
      return values.reduce((sum, { numbers, scale }) => sum + numbers[d]! * scale, 0) / 16;
    });
    assert.ok(relativeError(run(pass), mean) < 1e-6, type);
  }
});

//      0        planted faults are looked for on this tree, after six committed positions:
//      ├── 1    siblings, a node (4) whose path skips two slots, and room behind the last node
//      │   └── 4
//      ├── 2
//      └── 3
const SMALL = [-1, 0, 0, 0, 1];

function smallPass(seed: number, type: KvType = 'f32'): Pass {
  return randomPass(random(seed), { heads: 2, kvHeads: 1, headDim: 8, length: 6 }, SMALL, type);
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
  const cache = pass.cache.copy();
  const nothing = new Float32Array(8);
  cache.store(6 + 5, nothing, nothing); // an unused slot
  const rows = differingRows(pass, (row, head) =>
    attend(queryOf({ ...pass, cache }, row, head, [...visibleSlots(pass, row), 6 + 5])),
  );
  assert.equal(rows, [0, 1, 2, 3, 4]);
});

test('a stale slot multiplied by zero instead of skipped is seen, as the slot holds NaN (planted fault, seed 23)', () => {
  const pass = smallPass(23);
  const got = run(pass);
  assert.ok(got.every(Number.isFinite));
  const stale = pass.cache.value(0, 6 + 5).numbers[0]!;
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

//   positions   0 1 2 3 4 5 | 6 7 8       with a window of 3 row 4, at position 8 behind nodes 0 and 1, sees 6, 7 and 8;
//                     slots | 0 1 4       its slot is two further than its position
test('a window of one position more or less is seen in every row (planted fault, seed 27)', () => {
  for (const type of TYPES) {
    const pass = { ...smallPass(27, type), window: 3 };
    for (const window of [2, 4]) {
      const rows = differingRows(pass, (row, head) => attend(queryOf({ ...pass, window }, row, head)));
      assert.equal(rows, [0, 1, 2, 3, 4], `${type}, ${window}`);
    }
  }
});

test('a window counted in slots instead of positions is seen in the rows whose slot is not their position (planted fault, seed 28)', () => {
  const pass = { ...smallPass(28), window: 3 };
  const bySlot = (row: number) => visibleSlots({ ...pass, window: Infinity }, row).filter((slot) => slot > 6 + row - 3);
  const rows = differingRows(pass, (row, head) => attend(queryOf(pass, row, head, bySlot(row))));
  assert.equal(rows, [2, 3, 4]);
});

test('a key outside the window with the lowest score instead of none is seen: the softmax has other lanes (planted fault, seed 29)', () => {
  const pass = { ...smallPass(29), window: 2, length: 6 };
  const cache = pass.cache.copy();
  for (let slot = 0; slot < 6; slot++) cache.store(slot, new Float32Array(8), new Float32Array(8));
  const all = (row: number) => visibleSlots({ ...pass, window: Infinity }, row);
  const rows = differingRows(pass, (row, head) => attend(queryOf({ ...pass, cache }, row, head, all(row))));
  assert.equal(rows, [0, 1, 2, 3, 4]);
});

test('a soft cap that is left out is seen in every row (planted fault, seed 30)', () => {
  const pass = { ...smallPass(30), cap: 2 };
  const rows = differingRows(pass, (row, head) => attend({ ...queryOf(pass, row, head), cap: 0 }));
  assert.equal(rows, [0, 1, 2, 3, 4]);
});

for (const type of ['f16', 'q8'] as const) {
  test(`${type}: new keys and values that a pass reads before they are rounded are seen (planted fault, seed 25)`, () => {
    const pass = smallPass(25, type);
    const faulty = (isFresh: (slot: number) => boolean) =>
      differingRows(pass, (row, head) => attend(unroundedQueryOf(pass, row, head, isFresh)));
    assert.equal(
      faulty(() => false),
      [],
    );
    assert.equal(
      faulty((slot) => slot >= 6),
      [0, 1, 2, 3, 4],
    );
    assert.equal(
      faulty((slot) => slot === 6 + 1),
      [1, 4],
    );
  });
}

test('q8: a scale shared by neighbours is seen in every row that reads the smaller one (planted fault, seed 26)', () => {
  const pass = smallPass(26, 'q8');
  const cache = pass.cache.copy();
  const both = ['k', 'v'] as const;
  for (const slot of [6 + 1, 6 + 2]) {
    const [k, v] = both.map((name) =>
      holdScaled(
        pass.unrounded[slot]![name],
        Math.max(...[6 + 1, 6 + 2].map((other) => largestMagnitude(pass.unrounded[other]![name]))),
      ),
    );
    cache.keys.write(0, slot, k!);
    cache.values.write(0, slot, v!);
  }
  const rows = differingRows(pass, (row, head) => attend(queryOf({ ...pass, cache }, row, head)));
  assert.equal(rows, [1, 4]);
});

test('the types cost what their rounding says: over 300 positions f16 within 5e-4 of f32 in f64, q8 within 2e-2 (seed 14)', () => {
  const next = random(14);
  for (const [type, most, least] of [
    ['f16', 5e-4, 1e-5],
    ['q8', 2e-2, 1e-4],
  ] as const) {
    const pass = randomPass(next, { heads: 4, kvHeads: 2, headDim: 64, length: 300 }, chain(3), type);
    const want = everyQuery(pass, (row, head) => attendExactly(unroundedQueryOf(pass, row, head, () => true)));
    const error = relativeError(run(pass), want);
    assert.ok(error < most && error > least, `${type}: ${error}`);
  }
});

test.run();
