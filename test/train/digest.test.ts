/**
 * One digest of a short run, which is the same on every runtime (test/runtimes); this file, too, runs on any that runs TypeScript.
 * @module
 */
import { readFileSync } from 'node:fs';
import { assert, repositoryFile, test } from '../harness.ts';
import { trainingDigest } from './small-llama.ts';

const { training } = JSON.parse(readFileSync(repositoryFile('test/runtimes/digest.json'), 'utf8'));

test('three updates from seed 5 come to the committed digest', async () => {
  assert.is(await trainingDigest(), training);
});

test('another seed, and an update without moving means, come to another (planted faults)', async () => {
  assert.is.not(await trainingDigest({ seed: 6 }), training);
  assert.is.not(await trainingDigest({ optimizer: {} }), training);
});

test.run();
