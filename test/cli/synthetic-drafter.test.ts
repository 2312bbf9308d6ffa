import { SyntheticDrafter } from '../../src/cli/synthetic-drafter.ts';
import { assert, test } from '../harness.ts';
import { continuation, MadeUpTarget, VOCAB } from './made-up-target.ts';

/** Drafts chains of 4 until `known` is emitted. @returns drafted and right tokens below an accepted parent */
function run(known: readonly number[], prompt: readonly number[], rate: number, seed: number) {
  const drafter = new SyntheticDrafter(known, rate, VOCAB, seed);
  const rows = new MadeUpTarget().forward({ tokens: Int32Array.of(0) });
  let offered = 0;
  let right = 0;
  drafter.begin(Int32Array.from(prompt));
  for (let emitted = 0; emitted < known.length; ) {
    const tree = drafter.propose(5);
    assert.is(
      tree.tokens[0],
      emitted === 0 ? prompt[prompt.length - 1] : known[emitted - 1],
      'the root is the last committed token',
    );
    let depth = 0;
    while (depth + 1 < tree.tokens.length && tree.tokens[depth + 1] === known[emitted + depth]) depth++;
    offered += Math.min(depth + 1, tree.tokens.length - 1);
    right += depth;
    const length = Math.min(depth + 1, known.length - emitted);
    drafter.observe({
      tree,
      path: Int32Array.from({ length: depth + 1 }, (_, i) => i),
      emitted: Int32Array.from(known.slice(emitted, emitted + length)),
      history: [...prompt, ...known.slice(0, emitted + length)],
      rows,
    });
    emitted += length;
  }
  return { offered, right };
}

test('drafted tokens are right at the rate asked for (seed 8)', () => {
  const known = continuation([5], 8000);
  for (const rate of [0.2, 0.5, 0.8]) {
    const { offered, right } = run(known, [5], rate, 8);
    assert.ok(Math.abs(right / offered - rate) < 0.02, `${right} of ${offered} at ${rate}`);
  }
});

test('at rate 1 every token is right, at rate 0 none', () => {
  const known = continuation([2, 3], 40);
  const always = run(known, [2, 3], 1, 1);
  assert.is(always.right, always.offered);
  assert.is(run(known, [2, 3], 0, 1).right, 0);
});

test('chains end with what is known', () => {
  const drafter = new SyntheticDrafter([7, 8], 1, VOCAB);
  drafter.begin(Int32Array.of(1));
  assert.equal([...drafter.propose(16).tokens], [1, 7, 8]);
  assert.equal([...drafter.propose(2).tokens], [1, 7]);
});

test.run();
