/**
 * One digest of a short run: parameters that begin at random, three updates with clipping, decay and moving means. It has no host's Math in it, so it
 * is the same on every runtime; this file runs on any that runs TypeScript.
 * @module
 */
import { createTrainer } from '../../src/train/trainer.ts';
import { assert, test } from '../harness.ts';
import { batchOf, OPTIMIZER, smallLlama, stream } from './curve.ts';

const DIGEST = 'unknown';

async function digest(seed: number): Promise<string> {
  const trainer = await createTrainer(smallLlama(2, 32), { seed, optimizer: { ...OPTIMIZER, average: 0.99 } });
  const text = stream(3, 200);
  for (let update = 0; update < 3; update++) trainer.step(batchOf(text, update, 2, 32));
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(trainer.save())));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

test('three updates from seed 5 come to the committed digest', async () => {
  assert.is(await digest(5), DIGEST);
});

test('another seed comes to another (planted fault)', async () => {
  assert.is.not(await digest(6), DIGEST);
});

test.run();
