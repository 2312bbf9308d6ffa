import { warmUp, warmUpCosine } from '../../src/train/learning-rate.ts';
import { hasCode } from '../codes.ts';
import { assert, test } from '../harness.ts';

test('the rate grows to its peak in the first updates, and stays', () => {
  const rate = warmUp({ peak: 4, warmUp: 4 });
  assert.equal([0, 1, 2, 3, 4, 100].map(rate), [1, 2, 3, 4, 4, 4]);
  assert.is(warmUp({ peak: 4, warmUp: 0 })(0), 4);
});

test('behind the peak it falls along half a cosine to the floor, and stays, within 1e-15 of it', () => {
  const rate = warmUpCosine({ peak: 3, warmUp: 10, updates: 110, floor: 1 });
  for (let update = 10; update <= 150; update++) {
    const p = Math.min(1, (update - 10) / 100);
    assert.ok(Math.abs(rate(update) - (1 + (2 * (1 + Math.cos(Math.PI * p))) / 2)) < 2e-15, `update ${update}`);
  }
  assert.is(rate(9), 3);
  assert.is(rate(110), 1);
});

test('a line in place of the cosine is seen (planted fault)', () => {
  const rate = warmUpCosine({ peak: 3, warmUp: 10, updates: 110 });
  assert.ok(Math.abs(rate(35) - 3 * (1 - 0.25)) > 0.1);
});

test('what makes no schedule is refused', () => {
  assert.throws(() => warmUp({ peak: 0, warmUp: 1 }), hasCode('option.range'));
  assert.throws(() => warmUp({ peak: 1, warmUp: 1.5 }), hasCode('option.range'));
  assert.throws(() => warmUpCosine({ peak: 1, warmUp: 5, updates: 5 }), hasCode('option.range'));
  assert.throws(() => warmUpCosine({ peak: 1, warmUp: 5, updates: 10, floor: 2 }), hasCode('option.range'));
});

test.run();
