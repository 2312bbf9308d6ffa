import { assert, firstDifference, random, randomFloats, randomInt, test } from '../harness.ts';
import { type KernelHost, kernelHost } from './kernel-host.ts';
import { Cache } from './kv-cache.twin.ts';

interface Scene {
  readonly host: KernelHost;
  readonly twin: Cache;
  readonly keys: number;
  readonly values: number;
}

/** The same empty cache in the kernels' memory and in the twin. */
function emptyCache(kvHeads: number, headDim: number, capacity: number): Scene {
  const host = kernelHost();
  const twin = new Cache({ kvHeads, headDim, capacity });
  return { host, twin, keys: host.place(twin.keys), values: host.place(twin.values) };
}

/** Indices of the first key and the first value that are not the twin's; -1 where there is none. */
function differences({ host, twin, keys, values }: Scene): [number, number] {
  const differs = (address: number, want: Float32Array) => firstDifference(host.floats(address, want.length), want);
  return [differs(keys, twin.keys), differs(values, twin.values)];
}

/** Stores `rows` random tokens in both. The row of a token: k, v, then `gap` numbers of something else. */
function storeRandomRows(scene: Scene, next: () => number, slot: number, rows: number, gap: number): void {
  const { kvHeads, headDim, capacity } = scene.twin.shape;
  const width = kvHeads * headDim;
  const stride = 2 * width + gap;
  const x = randomFloats(next, rows * stride);
  for (let row = 0; row < rows; row++) {
    const from = row * stride;
    scene.twin.store(slot + row, x.subarray(from, from + width), x.subarray(from + width, from + 2 * width));
  }
  const k = scene.host.place(x);
  scene.host.kernels.kvStore!(
    scene.keys,
    scene.values,
    k,
    k + width * 4,
    slot,
    rows,
    headDim,
    capacity,
    stride,
    0,
    kvHeads,
  );
}

function move({ host, twin, keys, values }: Scene, from: number, to: number): void {
  const { kvHeads, headDim, capacity } = twin.shape;
  host.kernels.kvMove!(keys, values, from, to, headDim, capacity, 0, kvHeads);
}

for (const seed of [1, 2, 3, 4, 5, 6]) {
  test(`stored and moved rows lie where the twin puts them, and nothing else changes (seed ${seed})`, () => {
    const next = random(seed);
    const capacity = 8 * (1 + randomInt(next, 3));
    const scene = emptyCache(1 + randomInt(next, 3), 4 * (1 + randomInt(next, 5)), capacity);
    for (let round = 0; round < 4; round++) {
      const rows = 1 + randomInt(next, capacity - 1);
      storeRandomRows(scene, next, randomInt(next, capacity - rows + 1), rows, randomInt(next, 5));
      assert.equal(differences(scene), [-1, -1]);
      const [from, to] = [randomInt(next, capacity), randomInt(next, capacity)];
      move(scene, from, to);
      scene.twin.move(from, to);
      assert.equal(differences(scene), [-1, -1]);
    }
  });
}

test('the keys of eight slots lie side by side, element by element', () => {
  const scene = emptyCache(1, 4, 16);
  const k = Float32Array.of(50, 51, 52, 53);
  const address = scene.host.place(k);
  scene.host.kernels.kvStore!(scene.keys, scene.values, address, address, 13, 1, 4, 16, 4, 0, 1);
  const keys = Array.from(scene.host.floats(scene.keys, 64), (value) => (Number.isNaN(value) ? 0 : value));
  const beside = (value: number) => [0, 0, 0, 0, 0, value, 0, 0];
  assert.equal(keys.slice(32), [50, 51, 52, 53].flatMap(beside));
  assert.ok(keys.slice(0, 32).every((value) => value === 0));
  assert.equal(Array.from(scene.host.floats(scene.values + 13 * 16, 4)), [50, 51, 52, 53]);
});

test('a slot moved to the wrong place is seen (planted fault, seed 7)', () => {
  const scene = emptyCache(2, 8, 8);
  storeRandomRows(scene, random(7), 0, 6, 0);
  move(scene, 4, 2);
  scene.twin.move(4, 3);
  const [key, value] = differences(scene);
  assert.ok(key >= 0 && value >= 0);
});

test.run();
