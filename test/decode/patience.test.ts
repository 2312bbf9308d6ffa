/** How long a drafter that earns nothing is listened to. */
import { Patience, TRIAL } from '../../src/decode/patience.ts';
import { assert, test } from '../harness.ts';

/** Steps of work and of rest over a number of steps. */
function course(patience: Patience, steps: number, earned: number, spent: number, name = 'x') {
  const counts = { worked: 0, rested: 0 };
  for (let i = 0; i < steps; i++) {
    if (patience.rest(name) > 0) counts.rested++;
    else {
      counts.worked++;
      patience.listen(name, earned, spent);
    }
    patience.settle(1, 1);
  }
  return counts;
}

test('trials in vain take at most a thousandth of the time, however dear a drafter is', () => {
  for (const spent of [0.006, 0.05, 0.4]) {
    const { worked } = course(new Patience(), 200_000, 0, spent);
    assert.ok(worked * spent < 200_000 * 0.00105 + TRIAL * spent, `${worked} steps at ${spent}`);
    assert.ok(worked * spent > 200_000 * 0.0007, `${worked} steps at ${spent}`);
  }
});

test('a drafter that earns its time, or takes next to none, never rests', () => {
  assert.is(course(new Patience(), 5000, 0.021, 0.02).rested, 0);
  assert.is(course(new Patience(), 5000, 0, 0.005).rested, 0);
});

test('a balance is drawn over a whole trial: one good guess makes up for many steps', () => {
  const patience = new Patience();
  for (let i = 1; i < TRIAL; i++) assert.not(patience.listen('x', 0, 0.02));
  assert.not(patience.listen('x', 0.021 * TRIAL, 0.02));
  for (let i = 1; i < TRIAL; i++) patience.listen('x', 0, 0.02);
  assert.ok(patience.listen('x', 0.02 * (TRIAL - 1), 0.02), 'the balance does not carry over');
});

test('losses make cautious: promises are not believed, and cheap drafters rest as well, until the allowance of 0.5% has made up for them', () => {
  const losing = () => {
    const patience = new Patience();
    patience.settle(1, 1.8);
    assert.not(patience.isCautious);
    patience.settle(1, 1.8);
    assert.ok(patience.isCautious);
    return patience;
  };
  assert.ok(course(losing(), 100, 0.021, 0.02).rested > 60, 'promises');
  assert.ok(course(losing(), 100, 0, 0.004).rested > 60, 'a cheap one');
  const patience = losing();
  let steps = 0;
  for (; patience.isCautious; steps++) patience.settle(1, 1);
  assert.ok(steps > 110 && steps < 130, `${steps} steps`);
  assert.is(course(patience, 5000, 0.021, 0.02).rested, 0);
});

test('neither a credit nor a debt grows without end', () => {
  const patience = new Patience();
  for (let i = 0; i < 1000; i++) patience.settle(8, 2);
  for (let i = 0; i < 5; i++) patience.settle(1, 2);
  assert.ok(patience.isCautious, 'five losses end any credit');
  for (let i = 0; i < 1000; i++) patience.settle(1, 9);
  for (let i = 0; i < 3; i++) patience.settle(4, 2);
  assert.not(patience.isCautious, 'three good passes end any debt');
});

test('pauses after proposals that do not pay double up to half a percent of the time, also from one generation to the next', () => {
  const patience = new Patience();
  assert.equal(
    Array.from({ length: 8 }, () => patience.pause(false, 0.1)),
    [0, 1, 3, 7, 15, 19, 19, 19],
  );
  assert.is(patience.pause(true, 0.1), 0);
  assert.is(patience.pause(false, 0.1), 19);
  for (let i = 0; i < 8; i++) patience.pause(true, 0.1);
  assert.is(patience.pause(false, 0.1), 0);
});

test('every drafter has a course of its own', () => {
  const patience = new Patience();
  course(patience, TRIAL, 0, 0.1, 'x');
  assert.ok(patience.rest('x') > 0);
  assert.ok(patience.rest('y') <= 0);
});

test.run();
