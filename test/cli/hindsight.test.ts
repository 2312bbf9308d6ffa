import { ceilingMs, offeredDepths } from '../../bench/shared/hindsight.ts';
import type { CostPoint } from '../../src/cli/cost-curve.ts';
import { Proposer } from '../../src/draft/proposer.ts';
import { SyntheticDrafter } from '../../src/cli/synthetic-drafter.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { continuation, MadeUpTarget, VOCAB } from './made-up-target.ts';

const CURVE: CostPoint[] = [
  { nodes: 1, ms: 10, ratio: 1 },
  { nodes: 2, ms: 14, ratio: 1.4 },
  { nodes: 4, ms: 16, ratio: 1.6 },
  { nodes: 8, ms: 40, ratio: 4 },
];

/** T by hand: straight lines between the sizes of CURVE. */
const T = [0, 10, 14, 15, 16, 22, 28, 34, 40];

/** The cheapest way by trying all of them. */
function cheapest(depths: readonly number[], position = 0): number {
  if (position >= depths.length) return 0;
  const most = Math.min(depths[position]!, depths.length - position - 1);
  return Math.min(
    ...Array.from({ length: most + 1 }, (_, verified) => T[verified + 1]! + cheapest(depths, position + verified + 1)),
  );
}

test('without a right guess the ceiling is plain decoding', () => {
  assert.is(ceilingMs(new Int32Array(5), CURVE), 50);
});

test('the ceiling leaves a guess out where the pass would cost more than it saves', () => {
  assert.is(ceilingMs(Int32Array.of(1, 0), CURVE), 14);
  const steep = CURVE.map((point) => ({ ...point, ms: point.nodes * 11 - 1 }));
  assert.is(ceilingMs(Int32Array.of(1, 0), steep), 20);
});

test('the ceiling equals the best of all ways on 100 random traces (seed 4)', () => {
  const next = random(4);
  for (let trial = 0; trial < 100; trial++) {
    const depths = Array.from({ length: 10 }, () => randomInt(next, 8));
    assert.is(ceilingMs(Int32Array.from(depths), CURVE), cheapest(depths), depths.join(' '));
  }
});

test('every position of the output is offered to the drafter with the whole tree', async () => {
  const prompt = [3, 9, 4];
  const output = continuation(prompt, 40);
  const target = new MadeUpTarget();
  const depths = await offeredDepths(target, new Proposer([new SyntheticDrafter(output, 1, VOCAB)]), prompt, output);
  assert.equal(
    [...depths],
    output.map((_, position) => Math.min(15, 40 - position)),
  );
  assert.is(target.length, prompt.length - 1 + output.length);
});

test('a drafter that is always wrong offers nothing', async () => {
  const output = continuation([6], 12);
  const depths = await offeredDepths(
    new MadeUpTarget(),
    new Proposer([new SyntheticDrafter(output, 0, VOCAB)]),
    [6],
    output,
  );
  assert.equal(
    [...depths],
    output.map(() => 0),
  );
});

test.run();
