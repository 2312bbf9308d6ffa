/**
 * Where the threads of a team must meet, shown without a thread: a schedule that a team may come to is played on one. Between two meetings
 * one thread may be as far ahead of the others as it likes, so all of its stretch runs before the others begin theirs.
 * @module
 */
import { createEngine, type Machine } from '../../src/engine/engine.ts';
import { OP_WORDS } from '../../src/engine/opcodes.ts';
import { assert, firstDifference, random, randomInt, test } from '../harness.ts';
import { loadTransformer } from '../../src/model/load-transformer.ts';
import { fixturePath, prefill } from '../model/fixture-model.ts';
import { withTokens } from '../model/trees.ts';

/** Ops of each stretch of the last program. */
type Stretches = number[];

interface Schedule {
  /** Threads in the order in which they run each stretch. */
  readonly order: readonly number[];
  /** Meetings left out, by number in each program, from 0: the first thread goes on to the next stretch at once. */
  readonly missed?: number;
  readonly stretches?: Stretches;
}

const OP_BYTES = OP_WORDS * 4;

/** A machine whose programs run as `schedule` says; several kernels on one memory are one, since kernels keep nothing else. */
function scheduled(machine: Machine, module: WebAssembly.Module, { order, missed = -1, stretches }: Schedule): Machine {
  const threads = order.length;
  const { exports } = new WebAssembly.Instance(module, { env: { memory: machine.memory } });
  const runProgram = exports.runProgram as (program: number, ops: number, thread: number, threads: number) => number;
  return {
    ...machine,
    run(program, ops, alone) {
      if (alone) return machine.run(program, ops);
      stretches?.splice(0);
      const done = order.map(() => 0);
      for (let meeting = 0; done.some((count) => count < ops); meeting++) {
        for (const thread of order) {
          const again = meeting === missed && thread === order[0] ? 2 : 1;
          for (let stretch = 0; stretch < again && done[thread]! < ops; stretch++) {
            const ran = runProgram(program + done[thread]! * OP_BYTES, ops - done[thread]!, thread, threads);
            done[thread]! += ran;
            if (thread === order[0]) stretches?.push(ran);
          }
        }
      }
    },
  };
}

const PARENTS = [-1, 0, 0, 1, 2];

/** Logits of every node of a tree after a prompt, node after node. */
async function logitsOf(dtype: 'f32' | 'q8', schedule?: Schedule): Promise<Float32Array> {
  const engine = await createEngine();
  const model = await loadTransformer(fixturePath('test-300k'), {
    dtype,
    // A plan for as many threads as the longest schedule has; all of them are played on one.
    threads: 4,
    engine: {
      ...engine,
      async createTeam(sizes) {
        const machines = sizes.map((bytes) => engine.createMachine(bytes));
        return schedule ? machines.map((machine) => scheduled(machine, engine.module, schedule)) : machines;
      },
    },
  });
  const next = random(5);
  const session = model.session();
  prefill(
    session,
    Array.from({ length: 21 }, () => randomInt(next, session.vocab)),
  );
  const tree = withTokens(PARENTS, next, session.vocab);
  const rows = session.forward(tree, 'all');
  const logits = new Float32Array(PARENTS.length * session.vocab);
  PARENTS.forEach((_, node) => {
    logits.set(rows.logits(node), node * session.vocab);
  });
  return logits;
}

for (const dtype of ['f32', 'q8'] as const) {
  test(`${dtype}: threads that meet only where they must compute the bits of one, whoever runs ahead (seed 5)`, async () => {
    const want = await logitsOf(dtype);
    for (const order of [[0], [0, 1], [1, 0], [2, 0, 3, 1]]) {
      assert.is(firstDifference(await logitsOf(dtype, { order }), want), -1, `order ${order}`);
    }
  });

  test(`${dtype}: a meeting that one thread misses is seen in the bits, whichever it is (planted faults, seed 5)`, async () => {
    const stretches: Stretches = [];
    const want = await logitsOf(dtype, { order: [0, 1], stretches });
    const unseen: number[] = [];
    // All meetings of a pass but the last, behind which there is nothing.
    for (let missed = 0; missed < stretches.length - 1; missed++) {
      const seen = await Promise.all(
        [
          [0, 1],
          [1, 0],
        ].map(async (order) => firstDifference(await logitsOf(dtype, { order, missed }), want) !== -1),
      );
      if (!seen.includes(true)) unseen.push(missed);
    }
    assert.equal(unseen, []);
  });
}

test('an embedding, a norm and a quantisation work row by row, and need no meeting in between', async () => {
  const stretches: Stretches = [];
  await logitsOf('q8', { order: [0, 1], stretches });
  // Embedding, rotary table, norm, quantisation; then the query, key and value product alone.
  assert.equal(stretches.slice(0, 2), [4, 1]);
});

test.run();
