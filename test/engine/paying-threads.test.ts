/**
 * Threads are used where they pay, shown on a machine whose passes take what the test says.
 * @module
 */
import type { Machine } from '../../src/engine/engine.ts';
import { payingThreads } from '../../src/engine/paying-threads.ts';
import { EMBED_F32, RMS_NORM } from '../../src/engine/opcodes.ts';
import { ProgramWriter } from '../../src/engine/program.ts';
import { assert, test } from '../harness.ts';

const PROGRAM = 64;

/** Milliseconds of a pass. */
type Cost = (rows: number, alone: boolean) => number;

/** A machine that does nothing but let time pass, and what it was asked for. */
function host(cost: Cost) {
  const state = { cost, time: 0, rows: 1, asked: [] as boolean[] };
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const machine: Machine = {
    memory,
    threads: 2,
    ready: () => Promise.resolve(),
    run(_program, _ops, alone = false) {
      state.asked.push(alone);
      state.time += state.cost(state.rows, alone);
    },
    dispose() {},
  };
  const paying = payingThreads(machine, () => state.time);
  /** Runs passes over `rows` tokens. @returns how many of them ran alone */
  const run = (rows: number, passes: number, opcode = EMBED_F32) => {
    const writer = new ProgramWriter(memory, PROGRAM, 1);
    writer.push(opcode, 0, 0, 0, rows);
    state.rows = rows;
    const before = state.asked.length;
    for (let pass = 0; pass < passes; pass++) paying.run(PROGRAM, 1);
    return state.asked.slice(before).filter(Boolean).length;
  };
  return { state, run, paying };
}

test('both ways are tried twice, then the faster one is taken', () => {
  const { state, run } = host((_, alone) => (alone ? 10 : 6));
  run(1, 4);
  assert.equal(state.asked, [false, false, true, true]);
  assert.is(run(1, 16), 0);
  const other = host((_, alone) => (alone ? 6 : 10));
  other.run(1, 4);
  assert.is(other.run(1, 16), 16);
});

test('the first pass of a pair does not count: threads may have been asleep', () => {
  let passes = 0;
  const { run } = host((_, alone) => (passes++ === 0 ? 100 : alone ? 10 : 6));
  run(1, 4);
  assert.is(run(1, 16), 0);
});

test('the slower way is tried ever more seldom: 1000 passes hold at most 16 of it', () => {
  const { run } = host((_, alone) => (alone ? 6 : 10));
  assert.ok(1000 - run(1, 1000) <= 16);
});

test('sizes of pass are judged each for itself', () => {
  const { run } = host((rows, alone) => (alone === rows < 8 ? 5 : 9));
  run(1, 4);
  run(64, 4);
  assert.is(run(1, 10), 10);
  assert.is(run(64, 10), 0);
});

test('parts of a pass that begin with different ops are judged each for itself, as the first layers and a head that is the embedding', () => {
  const { state, run } = host((_, alone) => (alone ? 10 : 6));
  run(1, 4);
  state.cost = (_, alone) => (alone ? 1 : 2);
  run(1, 4, RMS_NORM);
  assert.is(run(1, 8, RMS_NORM), 8);
  state.cost = (_, alone) => (alone ? 10 : 6);
  assert.is(run(1, 10), 0);
});

test('when the machine has become busy the other way is found, and stays until it is free again', () => {
  const { state, run } = host((_, alone) => (alone ? 10 : 6));
  run(1, 40);
  state.cost = (_, alone) => (alone ? 10 : 25);
  run(1, 200);
  assert.ok(run(1, 100) >= 90);
  state.cost = (_, alone) => (alone ? 10 : 6);
  run(1, 600);
  assert.ok(run(1, 100) <= 10);
});

test('a way that has become slow is doubted at once, however long it was the faster one', () => {
  const { state, run } = host((_, alone) => (alone ? 10 : 6));
  run(1, 20_000);
  state.cost = (_, alone) => (alone ? 10 : 25);
  run(1, 10);
  assert.ok(run(1, 100) >= 95);
});

test('ways that differ by less than their times vary are not exchanged for each other', () => {
  let passes = 0;
  const { run } = host(() => 10 + (passes++ % 3) * 0.1);
  run(1, 4);
  const alone = run(1, 16);
  assert.ok(alone === 0 || alone === 16);
  const later = run(1, 500);
  assert.ok(later <= 12 || later >= 488);
});

test('what has to run alone is no pass, and is not timed', () => {
  const { state, paying } = host(() => 1);
  paying.run(PROGRAM, 1, true);
  paying.run(PROGRAM, 1, true);
  assert.equal(state.asked, [true, true]);
});

test.run();
