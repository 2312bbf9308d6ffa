/** How long a drafter that earns nothing is listened to. */
import { Patience, TRIAL } from '../../src/decode/patience.ts';
import { assert, test } from '../harness.ts';

/** Steps of work and of rest over a number of steps. */
function course(patience: Patience, steps: number, earned: number, spent: number, name = 'x') {
  const counts = { worked: 0, rested: 0 };
  for (let i = 0; i < steps; i++) {
    if (patience.rests(name)) {
      counts.rested++;
      patience.wait(name);
    } else {
      counts.worked++;
      patience.listen(name, earned, spent);
    }
  }
  return counts;
}

test('trials in vain take at most a five-hundredth of the time, however dear a drafter is', () => {
  for (const spent of [0.006, 0.05, 0.4]) {
    const { worked } = course(new Patience(), 200_000, 0, spent);
    assert.ok(worked * spent < 200_000 * 0.0021 + TRIAL * spent, `${worked} steps at ${spent}`);
    assert.ok(worked * spent > 200_000 * 0.0014, `${worked} steps at ${spent}`);
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

test('losses make cautious: promises are not believed, and cheap drafters rest as well, until the allowance of 1% has made up for them', () => {
  const patience = new Patience();
  patience.settle(1, 1.9);
  assert.not(patience.isCautious);
  patience.settle(1, 1.9);
  assert.ok(patience.isCautious);
  assert.ok(course(patience, 5000, 0.021, 0.02).rested > 4000, 'promises');
  assert.ok(course(patience, 5000, 0, 0.004, 'cheap').rested > 2000, 'a cheap one');
  let steps = 0;
  for (; patience.isCautious; steps++) patience.settle(1, 1);
  assert.ok(steps > 70 && steps < 90, `${steps} steps`);
  assert.is(course(patience, 5000, 0.021, 0.02, 'y').rested, 0);
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

test('every drafter has a course of its own', () => {
  const patience = new Patience();
  course(patience, TRIAL, 0, 0.1, 'x');
  assert.ok(patience.rests('x'));
  assert.not(patience.rests('y'));
});

test.run();
