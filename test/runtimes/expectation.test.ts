/**
 * The comparison that every runtime's report goes through, shown reports that must not pass.
 * @module
 */
import { assert, test } from '../harness.ts';
import { brokenPromises } from './expectation.ts';

const expected = { kernels: 'aa', tokens: 'bb' };

test('a report with the expected digests, whose checks all hold, breaks no promise', () => {
  assert.equal(brokenPromises({ digests: { tokens: 'bb', kernels: 'aa' }, checks: { same: true } }, expected), []);
});

test('another digest, a missing or unknown part, a check that does not hold and an error each break a promise', () => {
  const checks = { same: true };
  assert.is(brokenPromises({ digests: { kernels: 'aa', tokens: 'bc' }, checks }, expected).length, 1);
  assert.is(brokenPromises({ digests: { kernels: 'aa' }, checks }, expected).length, 1);
  assert.is(brokenPromises({ digests: { ...expected, more: 'cc' }, checks }, expected).length, 1);
  assert.is(brokenPromises({ digests: expected, checks: { same: false } }, expected).length, 1);
  assert.equal(brokenPromises({ error: 'Error: no SIMD' }, expected), ['Error: no SIMD']);
});

test.run();
