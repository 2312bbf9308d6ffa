/**
 * 20,000 hostile inputs of each format: one of our errors or none at all, at once, and for no more memory than the input has, and 1 MB. A
 * million of each are read by `npm run test:full`.
 * @module
 */
import process from 'node:process';
import { ForetokenError } from '../../src/errors.ts';
import { assert, note, test } from '../harness.ts';
import { hostileFolder, hostileGguf, type HostileOutcome, readHostile } from './hostile-inputs.ts';

const INPUTS = 20_000;
const SEED = 41;

for (const [format, make] of [
  ['GGUF', hostileGguf],
  ['safetensors and config.json', hostileFolder],
] as const) {
  test(`${INPUTS} inputs of ${format} keep what is promised of them (seed ${SEED})`, async () => {
    const outcome = await readHostile(make, SEED, INPUTS);
    assert.equal(outcome.faults, []);
    // Both outcomes are met: what is refused alone would show little.
    assert.ok(Math.min(outcome.refused, outcome.accepted) > INPUTS / 20, JSON.stringify(outcome));
    note(`${format}: ${outcome.refused} refused, ${outcome.accepted} accepted`);
  });
}

test('another error, a hang, and an array that is too large are seen (planted faults)', async () => {
  const faultsOf = async (read: () => Promise<unknown>): Promise<HostileOutcome> =>
    readHostile(() => ({ bytes: new Uint8Array(100), read }), 1, 1);
  const wrong = await faultsOf(async () => {
    throw new TypeError('x is undefined');
  });
  assert.match(wrong.faults[0]!, 'TypeError');
  const slow = await faultsOf(async () => {
    for (const { user } = process.cpuUsage(); process.cpuUsage().user < user + 110_000; );
  });
  assert.match(slow.faults[0]!, ' ms');
  const large = await faultsOf(async () => new Uint8Array(2 ** 22));
  assert.match(large.faults[0]!, ' bytes');
  const fine = await faultsOf(async () => {
    throw new ForetokenError('file.format', 'no file');
  });
  assert.equal([fine.faults.length, fine.refused], [0, 1]);
});

test.run();
