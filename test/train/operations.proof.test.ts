/**
 * Every operation of training against its twin in f64: what it computes, and what comes back through it, by differences.
 * @module
 */
import { assert, firstDifference, note, test } from '../harness.ts';
import { derive } from './differences.ts';
import { played } from './engines.ts';
import { EXAMPLES } from './examples.ts';

/** Of f32 with at most some hundred terms a sum, in units of the largest number; differences themselves are good to 1e-7. */
const TOLERANCE = 2e-5;

let largest = 0;

for (const [name, example] of Object.entries(EXAMPLES)) {
  test(`${name}: output and gradients are the twin's, on one thread and on three to the bit (seed 3)`, async () => {
    const { outputError, gradientErrors, numbers } = await derive(example, 3);
    assert.ok(outputError < TOLERANCE, `the output is off by ${outputError}`);
    for (const [parameter, error] of Object.entries(gradientErrors)) {
      assert.ok(error < TOLERANCE, `the gradient of ${parameter} is off by ${error}`);
      largest = Math.max(largest, error);
    }
    for (const order of [
      [0, 1, 2],
      [2, 0, 1],
    ]) {
      const other = await derive(example, 3, played(order), order.length);
      assert.is(firstDifference(other.numbers, numbers), -1, `threads ${order}`);
    }
  });
}

test('the largest error of a gradient is told', () => {
  note(`gradients against differences: at most ${largest.toExponential(1)} of the largest`);
  assert.ok(largest > 0);
});

test.run();
