import {
  A_TRANSPOSED,
  B_TRANSPOSED,
  BLOCK_COLS,
  BLOCK_INNER,
  BLOCK_ROWS,
  KEEP,
  PRODUCT_SCRATCH,
} from '../../src/train/opcodes.ts';
import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { guardedMatrix } from '../kernels/guarded.ts';
import { trainingHost } from '../kernels/kernel-host.ts';
import { type Factors, product } from './product.twin.ts';

/** Around the sizes of tiles and blocks, and beyond. */
const SHAPES: readonly (readonly [rows: number, cols: number, inner: number])[] = [
  ...[[1, 1, 1] as const, [4, 8, 4] as const, [3, 7, 5] as const, [5, 9, 2] as const, [13, 3, 33] as const],
  ...[[BLOCK_ROWS + 1, 9, BLOCK_INNER + 3] as const, [6, BLOCK_COLS + 5, 2 * BLOCK_INNER + 1] as const],
];

interface Case {
  readonly factors: Factors;
  readonly start: Float32Array;
  /** What the kernel has written, and how many numbers beside it. */
  readonly got: Float32Array;
  readonly damage: number;
}

/** Parts are shared out at random, as threads would have them. */
function run(seed: number, [rows, cols, inner]: (typeof SHAPES)[number], layout: number): Case {
  const next = random(seed);
  const host = trainingHost();
  const gap = randomInt(next, 3);
  const [aTransposed, bTransposed] = [(layout & A_TRANSPOSED) !== 0, (layout & B_TRANSPOSED) !== 0];
  const [aStride, bStride, cStride] = [
    (aTransposed ? rows : inner) + gap,
    (bTransposed ? inner : cols) + gap,
    cols + gap,
  ];
  const a = randomFloats(next, (aTransposed ? inner : rows) * aStride);
  const b = randomFloats(next, (bTransposed ? cols : inner) * bStride);
  const start = randomFloats(next, rows * cols);
  const scratch = host.place(new Float32Array(PRODUCT_SCRATCH / 4).fill(Number.NaN));
  const c = guardedMatrix(host, rows, cols, cStride);
  for (let row = 0; row < rows; row++)
    host.write(c.address + row * cStride * 4, start.subarray(row * cols, (row + 1) * cols));
  const parts = rows > cols ? Math.ceil(rows / 4) : Math.ceil(cols / 8);
  const cut = randomInt(next, parts + 1);
  const operands = [
    c.address,
    host.place(a),
    host.place(b),
    rows,
    cols,
    inner,
    cStride,
    aStride,
    bStride,
    layout,
    scratch,
  ];
  for (const [from, to] of [
    [cut, parts],
    [0, cut],
  ] as const) {
    host.kernels.product!(...operands, from, to);
  }
  const factors: Factors = {
    ...{ rows, cols, inner },
    a: (row, k) => a[aTransposed ? k * aStride + row : row * aStride + k]!,
    b: (k, col) => b[bTransposed ? col * bStride + k : k * bStride + col]!,
  };
  return { factors, start, got: c.values(), damage: c.damage() };
}

for (let layout = 0; layout < 8; layout++) {
  const words = [
    (layout & A_TRANSPOSED) !== 0 ? 'aᵀ' : 'a',
    (layout & B_TRANSPOSED) !== 0 ? 'bᵀ' : 'b',
    (layout & KEEP) !== 0 ? 'added' : 'written',
  ];
  test(`${words.join(' ')}: a product has the bits of its twin, and nothing beside it is touched (seeds 0..6)`, () => {
    SHAPES.forEach((shape, seed) => {
      const { factors, start, got, damage } = run(seed, shape, layout);
      const want = product(factors, (layout & KEEP) !== 0 ? start : undefined);
      assert.is(firstDifference(got, want), -1, `${shape}`);
      assert.is(damage, 0, `${shape}`);
    });
  });
}

test('blocks of the reduction in another order are seen (planted fault, seed 6)', () => {
  const { factors, got } = run(6, SHAPES[6]!, 0);
  const order = Array.from({ length: factors.inner }, (_, k) => (k + BLOCK_INNER) % factors.inner);
  assert.is.not(firstDifference(got, product(factors, undefined, order)), -1);
});

test.run();
