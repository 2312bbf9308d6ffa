import { KV_TYPES, type KvType } from '../../src/engine/kv-type.ts';
import { assert, random, randomFloats, randomInt, test } from '../harness.ts';
import { type KernelHost, kernelHost } from './kernel-host.ts';
import { Cache } from './kv-cache.twin.ts';

const TYPES = ['f32', 'f16', 'q8'] as const;

interface Scene {
  readonly host: KernelHost;
  readonly twin: Cache;
  readonly keys: number;
  readonly values: number;
}

/** The same empty cache in the kernels' memory and in the twin. */
function emptyCache(type: KvType, kvHeads: number, headDim: number, capacity: number): Scene {
  const host = kernelHost();
  const twin = new Cache({ type, kvHeads, headDim, capacity });
  return { host, twin, keys: host.place(twin.keys.bytes), values: host.place(twin.values.bytes) };
}

/** Indices of the first byte of keys and of values that is not the twin's; -1 where there is none. */
function differences({ host, twin, keys, values }: Scene): [number, number] {
  const differs = (address: number, want: Uint8Array) =>
    host.bytes(address, want.length).findIndex((byte, i) => (byte & 255) !== want[i]);
  return [differs(keys, twin.keys.bytes), differs(values, twin.values.bytes)];
}

/** Stores rows (k, v, then `gap` numbers of something else) of x from `slot` on with the kernel. */
function storeRows(scene: Scene, x: Float32Array, slot: number, rows: number): void {
  const { type, kvHeads, headDim, capacity } = scene.twin.shape;
  const width = kvHeads * headDim;
  const k = scene.host.place(x);
  const operands = [KV_TYPES[type], scene.keys, scene.values, k, k + width * 4, slot, rows, headDim, capacity];
  scene.host.kernels.kvStore!(...operands, x.length / rows, 0, kvHeads);
}

/** Stores `rows` random tokens in both. */
function storeRandomRows(scene: Scene, next: () => number, slot: number, rows: number, gap: number): void {
  const { kvHeads, headDim } = scene.twin.shape;
  const width = kvHeads * headDim;
  const stride = 2 * width + gap;
  const x = randomFloats(next, rows * stride, 10 ** (4 * next() - 2));
  for (let row = 0; row < rows; row++) {
    const from = row * stride;
    scene.twin.store(slot + row, x.subarray(from, from + width), x.subarray(from + width, from + 2 * width));
  }
  storeRows(scene, x, slot, rows);
}

function move({ host, twin, keys, values }: Scene, from: number, to: number): void {
  const { type, kvHeads, headDim, capacity } = twin.shape;
  host.kernels.kvMove!(KV_TYPES[type], keys, values, from, to, headDim, capacity, 0, kvHeads);
}

for (const type of TYPES) {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    test(`${type}: stored and moved rows lie where the twin puts them, and nothing else changes (seed ${seed})`, () => {
      const next = random(seed);
      const capacity = 8 * (1 + randomInt(next, 3));
      const scene = emptyCache(type, 1 + randomInt(next, 3), 4 * (1 + randomInt(next, 5)), capacity);
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

  test(`${type}: a slot moved to the wrong place is seen (planted fault, seed 7)`, () => {
    const scene = emptyCache(type, 2, 8, 8);
    storeRandomRows(scene, random(7), 0, 6, 0);
    move(scene, 4, 2);
    scene.twin.move(4, 3);
    const [key, value] = differences(scene);
    assert.ok(key >= 0 && value >= 0);
  });

  test(`${type}: a row does not see its neighbours (seed 8)`, () => {
    const rows = 5;
    const x = randomFloats(random(8), rows * 2 * 24);
    x.subarray(2 * 48, 3 * 48).forEach((value, i, row) => {
      row[i] = value * 1000; // one row that would spoil a scale shared with others
    });
    const [together, alone] = [emptyCache(type, 3, 8, 16), emptyCache(type, 3, 8, 16)];
    storeRows(together, x, 6, rows);
    for (let row = 0; row < rows; row++) storeRows(alone, x.subarray(row * 48, (row + 1) * 48), 6 + row, 1);
    const bytes = ({ host, keys, twin }: Scene) => host.bytes(keys, twin.keys.bytes.length + twin.values.bytes.length);
    assert.equal(bytes(together), bytes(alone));
  });
}

test('the keys of eight slots lie side by side, element by element', () => {
  const scene = emptyCache('f32', 1, 4, 16);
  const k = Float32Array.of(50, 51, 52, 53);
  const address = scene.host.place(k);
  scene.host.kernels.kvStore!(KV_TYPES.f32, scene.keys, scene.values, address, address, 13, 1, 4, 16, 4, 0, 1);
  const keys = Array.from(scene.host.floats(scene.keys, 64), (value) => (Number.isNaN(value) ? 0 : value));
  const beside = (value: number) => [0, 0, 0, 0, 0, value, 0, 0];
  assert.equal(keys.slice(32), [50, 51, 52, 53].flatMap(beside));
  assert.ok(keys.slice(0, 32).every((value) => value === 0));
  assert.equal(Array.from(scene.host.floats(scene.values + 13 * 16, 4)), [50, 51, 52, 53]);
});

test('the scales of q8 lie behind the bytes of their kv head, one a slot', () => {
  const scene = emptyCache('q8', 1, 4, 16);
  storeRows(scene, Float32Array.of(127, -1, 0.5, 1.5, 254, 0, -254, 3), 13, 1);
  assert.equal([...scene.host.bytes(scene.keys + 32 + 5 * 2, 2)], [127, -1]);
  assert.equal([...scene.host.bytes(scene.keys + 32 + 16 + 5 * 2, 2)], [0, 2]);
  assert.equal([...scene.host.bytes(scene.values + 13 * 4, 4)], [127, 0, -127, 2]);
  assert.is(scene.host.floats(scene.keys + 64 + 13 * 4, 1)[0], 1);
  assert.is(scene.host.floats(scene.values + 64 + 13 * 4, 1)[0], 2);
});

test.run();
