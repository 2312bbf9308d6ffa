/**
 * The proofs of P1 can fail: each fault that a transformer with draft trees could have is planted, and must be seen.
 * Faults are planted between the model and its machine, in the inputs of a pass or in the cache, just before the kernels run.
 * @module
 */
import type { Machine } from '../../src/engine/engine.ts';
import { ATTENTION_F32, KV_MOVE_F32, OP_WORDS, ROPE_TABLE } from '../../src/engine/opcodes.ts';
import type { TransformerModel } from '../../src/model/transformer-model.ts';
import { assert, firstDifference, random, randomInt, test } from '../harness.ts';
import { fillUnusedSlots, fixtureModel, ORDINARY, prefill } from './fixture-model.ts';
import { pathTo, withTokens } from './trees.ts';

/** What a fault may change: the words of each op, before the program runs. */
type Fault = (words: Int32Array, memory: Int32Array) => void;

/** Word of an op, by its place in opcodes.ts (0 is the opcode). */
const ATTENTION_PATHS = 5;
const ATTENTION_DEPTHS = 6;
const ATTENTION_LENGTH = 7;
const ATTENTION_ROWS = 8;

const forEachOp =
  (opcode: number, change: Fault): Fault =>
  (words, memory) => {
    for (let start = 0; start < words.length; start += OP_WORDS) {
      if (words[start] === opcode) change(words.subarray(start, start + OP_WORDS), memory);
    }
  };

function plant(machine: Machine, fault: Fault): Machine {
  return {
    ...machine,
    run(program, ops, alone) {
      fault(new Int32Array(machine.memory.buffer, program, ops * OP_WORDS), new Int32Array(machine.memory.buffer));
      machine.run(program, ops, alone);
    },
  };
}

//   0 ─┬─ 1 ── 3      the tree of every test here, after a prompt of 9
//      └─ 2 ── 4
const PARENTS = [-1, 0, 0, 1, 2];

interface Outcome {
  /** Nodes whose logits differ from plain decoding. */
  readonly wrongNodes: number[];
  /** Whether the next plain step after committing 0, 2, 4 differs. */
  readonly wrongAfterCommit: boolean;
}

/** Compares a tree pass and what follows it with plain decoding, which runs without the fault. */
async function outcome(fault: Fault): Promise<Outcome> {
  const next = random(7);
  const state = { planted: false };
  const wrapMachine = (machine: Machine) => plant(machine, (words, memory) => state.planted && fault(words, memory));
  const model: TransformerModel = await fixtureModel('test-300k', { wrapMachine, sessions: 2, dtype: 'f32' });
  const [speculative, plain] = [model.session(), model.session()];
  const prompt = Array.from({ length: 9 }, () => randomInt(next, speculative.vocab));
  prefill(speculative, prompt);
  fillUnusedSlots(model, speculative, ORDINARY);
  const tree = withTokens(PARENTS, next, speculative.vocab);

  state.planted = true;
  const rows = speculative.forward(tree, 'all');
  const verified = PARENTS.map((_, node) => rows.logits(node).slice());
  speculative.commit(Int32Array.of(0, 2, 4));
  state.planted = false;
  const last = Int32Array.of(5);
  const afterwards = prefill(speculative, [...last]);

  const expected = (path: readonly number[]) => {
    plain.truncate(0);
    return prefill(plain, [...prompt, ...path.map((node) => tree.tokens[node]!)]);
  };
  const wrongNodes = PARENTS.map((_, node) => node).filter(
    (node) => firstDifference(verified[node]!, expected(pathTo(PARENTS, node))) !== -1,
  );
  expected([0, 2, 4]);
  return { wrongNodes, wrongAfterCommit: firstDifference(afterwards, prefill(plain, [...last])) !== -1 };
}

test('without a fault nothing differs', async () => {
  assert.equal(await outcome(() => {}), { wrongNodes: [], wrongAfterCommit: false });
});

test('a visible sibling is caught', async () => {
  // Node 2's path 0, 2 becomes 0, 1, 2: the sibling counts as an ancestor.
  const fault = forEachOp(ATTENTION_F32, (op, memory) => {
    const path = op[ATTENTION_PATHS]! / 4 + 2 * op[ATTENTION_ROWS]!;
    memory.set([0, 1, 2], path);
    memory[op[ATTENTION_DEPTHS]! / 4 + 2] = 2;
  });
  assert.equal((await outcome(fault)).wrongNodes, [2, 4]);
});

test('rotation by slot instead of position is caught', async () => {
  const POSITIONS = 2;
  const ROWS = 4;
  const fault = forEachOp(ROPE_TABLE, (op, memory) => {
    const positions = op[POSITIONS]! / 4;
    for (let row = 0; row < op[ROWS]!; row++) memory[positions + row] = memory[positions]! + row;
  });
  assert.equal((await outcome(fault)).wrongNodes, [2, 3, 4]);
});

test('a stale slot kept by a commit is caught', async () => {
  // Moves become moves of a slot onto itself: slot length + 1 keeps node 1.
  const fault = forEachOp(KV_MOVE_F32, (op) => {
    op[4] = op[3]!;
  });
  assert.equal(await outcome(fault), { wrongNodes: [], wrongAfterCommit: true });
});

test('a missing committed position is caught', async () => {
  const fault = forEachOp(ATTENTION_F32, (op) => {
    op[ATTENTION_LENGTH]! -= 1;
  });
  assert.equal((await outcome(fault)).wrongNodes.length, 5);
});

test.run();
