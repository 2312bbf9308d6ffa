import { createTrainingEngine } from '../../src/train/engine.ts';
import { trainingSelfTest } from '../../src/train/self-test.ts';
import * as op from '../../src/train/opcodes.ts';
import { hasCode } from '../codes.ts';
import { assert, test } from '../harness.ts';
import { tampered } from './engines.ts';

test('this host has the known answers of training', async () => {
  assert.ok((await createTrainingEngine()).createTeam);
});

/** Numbers in the range of opcodes that are none. */
const OTHERS = ['FIRST_OF_TRAINING', 'BLOCK_ROWS'];
const CODES = Object.entries(op).filter(
  ([name, code]) => code >= op.FIRST_OF_TRAINING && code <= op.ZERO && !OTHERS.includes(name),
);

test('there are as many opcodes as numbers for them', () => {
  assert.is(new Set(CODES.map(([, code]) => code)).size, op.ZERO - op.FIRST_OF_TRAINING + 1);
});

for (const [name, code] of CODES) {
  test(`an engine that leaves out ${name} is refused (planted fault)`, () => {
    let met = 0;
    const engine = tampered((words) => {
      if (words[0] !== code) return;
      met++;
      words[0] = op.ZERO;
      words[2] = 0;
    });
    assert.throws(() => trainingSelfTest(engine), hasCode('engine.selftest'));
    assert.ok(met > 0, 'it has a part in the answer');
  });
}

test.run();
