import { assert, random, randomFloats, test } from '../harness.ts';
import { MOST, readActivations, storedActivations, storedScales } from './activations.ts';
import { BUILDS, kernelHost, type Numbers } from './kernel-host.ts';
import { quantize } from './quantize.twin.ts';
import { randomShapes } from './rows.ts';

/** A block of 32 that begins with the values given. */
function block(...values: number[]): Float32Array {
  const x = new Float32Array(32);
  x.set(values);
  return x;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Numbers) => new Uint8Array(buffer, byteOffset, byteLength);

for (const build of BUILDS) {
  for (const dtype of ['q8', 'q4'] as const) {
    const kernel = dtype === 'q8' ? 'quantizeQ8' : 'quantizeQ4';
    const title = (sentence: string) => `${kernel}, ${build}: ${sentence}`;
    const most = MOST[dtype];
    /** Words of a block beside its activations. */
    const scaleWords = dtype === 'q8' ? 1 : 2;

    /** Quantises rows from..to - 1 of x over bytes of 99. */
    function run(x: Float32Array, dim: number, from = 0, to = x.length / dim): { q: Numbers; scales: Numbers } {
      const host = kernelHost(build);
      const q = host.place(new Uint8Array(x.length * 2).fill(99));
      const words = (x.length / 32) * scaleWords;
      const scales = host.place(new Uint8Array(words * 4).fill(99));
      host.kernels[kernel]!(q, scales, host.place(x), dim, from, to);
      return { q: readActivations(host, q, x.length), scales: host.ints(scales, words) };
    }

    /** What `run` must give, from integers and scales in order. */
    const stored = ({ q, scales }: ReturnType<typeof quantize>) => ({
      q: storedActivations(build, dtype, q),
      scales: new Int32Array(bytesOf(storedScales(build, dtype, scales, q)).slice().buffer),
    });

    test(title('rows have the bits of the twin, whatever their scale (seed 1)'), () => {
      const next = random(1);
      for (const [rows, dim] of randomShapes(1, 32, 8)) {
        const x = randomFloats(next, rows * dim).map((value) => value * 10 ** (20 * next() - 10));
        assert.equal(run(x, dim), stored(quantize(x, most)), `${rows} x ${dim}`);
      }
    });

    test(title('the largest value becomes the largest integer and halves go to the even neighbour'), () => {
      const x = block(most, 0.5, -0.5, 1.5, -1.5, 2.5, -2.5, most - 0.5, 0.5 - most, 0.49, -most);
      const q = new Int16Array(32);
      q.set([most, 0, 0, 2, -2, 2, -2, most - 1, 1 - most, 0, -most]);
      assert.equal(run(x, 32), stored({ q, scales: Float32Array.of(1) }));
    });

    test(title('a block of zeros, or of values below 2^-100, has the scale 0'), () => {
      const zero = stored({ q: new Int16Array(32), scales: new Float32Array(1) });
      for (const x of [block(0), block(-0, 0), block(2 ** -101, -(2 ** -149)), block(2 ** -100 - 2 ** -124)]) {
        assert.equal(run(x, 32), zero);
      }
      assert.not.equal(run(block(2 ** -100), 32), zero);
    });

    test(title('the largest finite values stay within range'), () => {
      const { q } = run(block(3.4028234663852886e38, -3.4028234663852886e38), 32);
      const want = new Int16Array(32);
      want.set([most, -most]);
      assert.equal(q, storedActivations(build, dtype, want));
    });

    test(title('only the rows asked for are written, and a row does not see its neighbours (seed 3)'), () => {
      const x = randomFloats(random(3), 5 * 64);
      const [all, some] = [run(x, 64), run(x, 64, 1, 3)];
      for (const part of ['q', 'scales'] as const) {
        const [got, want] = [bytesOf(some[part]), bytesOf(all[part])];
        const rowBytes = got.length / 5;
        const expected = want.map((byte, i) => (i >= rowBytes && i < 3 * rowBytes ? byte : 99));
        assert.equal(got, expected, part);
      }
    });

    test(title('rounding halves away from zero, and another scale, are seen (planted faults)'), () => {
      const x = block(most, 0.5, 2.5);
      const { q, scales } = quantize(x, most);
      const away = q.map((_, i) => Math.sign(x[i]!) * Math.floor(Math.abs(x[i]!) + 0.5));
      assert.not.equal(run(x, 32), stored({ q: away, scales }));
      assert.not.equal(run(x, 32), stored({ q, scales: Float32Array.of(1 + 2 ** -23) }));
    });
  }
}

test('every value is within half a scale, and a step more is seen (seed 2)', () => {
  const x = randomFloats(random(2), 32 * 200);
  for (const most of Object.values(MOST)) {
    const { q, scales } = quantize(x, most);
    const worst = () => Math.max(...x.map((value, i) => Math.abs(value / scales[i >> 5]! - q[i]!)));
    assert.ok(worst() <= 0.5 + 127 * 2 ** -22, `${worst()}`); // two roundings of values up to 127
    q[77]! += 1;
    assert.ok(worst() > 0.5 + 127 * 2 ** -22);
  }
});

test.run();
