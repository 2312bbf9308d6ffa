import { CURVE_SIZES, measureCostCurve } from '../../src/cli/cost-curve.ts';
import { assert, test } from '../harness.ts';
import { MadeUpTarget } from './made-up-target.ts';

test('every size that fits a pass is measured, after the prompt, and the target is left as it was', () => {
  const target = new MadeUpTarget(); // passes of at most 16 nodes
  const points = measureCostCurve(target, { prompt: Array.from({ length: 40 }, () => 1), rounds: 2 });
  const sizes = CURVE_SIZES.filter((size) => size <= 16);
  assert.equal(
    points.map(({ nodes }) => nodes),
    sizes,
  );
  assert.equal(target.passes.slice(0, 3), [16, 16, 8], 'the prompt in pieces');
  assert.equal(
    target.passes.slice(3),
    [...sizes, ...sizes].flatMap((size) => [size, size, size, size]),
    'each three times untimed and once timed, in two rounds',
  );
  assert.is(target.length, 0);
  assert.is(points[0]!.ratio, 1);
});

test('sizes beyond the end of the context are left out', () => {
  const target = new MadeUpTarget();
  const points = measureCostCurve(target, { prompt: Array.from({ length: target.context - 5 }, () => 1), rounds: 1 });
  assert.equal(
    points.map(({ nodes }) => nodes),
    [1, 2, 3, 4],
  );
});

test.run();
