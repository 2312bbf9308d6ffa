/**
 * P1 with each type of the cache, in short and on two threads, too; tree-equals-plain.proof.test.ts has all of it. And that it can fail:
 * faults that a rounding cache could have are planted in it, behind the op that stores keys.
 * @module
 */
import type { Machine } from '../../src/engine/engine.ts';
import { kvRowBytes } from '../../src/engine/kv-type.ts';
import { KV_STORE_F16, KV_STORE_Q8, OP_WORDS } from '../../src/engine/opcodes.ts';
import { assert, firstDifference, random, randomInt, test } from '../harness.ts';
import { keyIndex } from '../kernels/kv-cache.twin.ts';
import { expand, type HeldRow, hold, holdScaled, largestMagnitude } from '../kernels/kv-type.twin.ts';
import { fillUnusedSlots, fixtureModel, POISON, prefill } from './fixture-model.ts';
import { differingNodes, plainLogits } from './plain-decoding.ts';
import { allParents, chain, pathTo, randomParents, star, withTokens } from './trees.ts';

const TYPES = ['f32', 'f16', 'q8'] as const;
const MODELS = ['grouped', 'one-kv-head', 'wide-heads'] as const;

for (const kv of TYPES) {
  for (const threads of [1, 2]) {
    test(`${kv}, threads: ${threads}: nodes, and the cache after commits, have the bits of plain decoding (seed 1)`, async () => {
      const next = random(1);
      const model = await fixtureModel('test-300k', { kv, threads, sessions: 2 });
      const [speculative, plain] = [model.session(), model.session()];
      const shapes = [...allParents(4), chain(64), star(64), ...[7, 12, 24].map((nodes) => randomParents(next, nodes))];
      const prompt = Array.from({ length: 21 }, () => randomInt(next, speculative.vocab));
      for (const shape of shapes) {
        for (const session of [speculative, plain]) {
          session.truncate(0);
          prefill(session, prompt, session === plain ? 5 : 64);
          fillUnusedSlots(model, session, POISON);
        }
        const tree = withTokens(shape, next, speculative.vocab);
        assert.equal(differingNodes(speculative, tree), [], `parents ${shape}`);
        const path = pathTo(shape, randomInt(next, shape.length));
        speculative.forward(tree, 'all');
        speculative.commit(Int32Array.from(path));
        plainLogits(
          plain,
          path.map((node) => tree.tokens[node]!),
        );
        assert.equal(speculative.save(), plain.save(), `parents ${shape}`);
      }
      model.dispose();
    });
  }

  test(`${kv}: models of other shapes, too (seed 2)`, async () => {
    for (const name of MODELS) {
      const next = random(2);
      const session = (await fixtureModel(name, { kv })).session();
      prefill(
        session,
        Array.from({ length: 11 }, () => randomInt(next, session.vocab)),
      );
      for (let round = 0; round < 6; round++) {
        const tree = withTokens(randomParents(next, 2 + randomInt(next, 14)), next, session.vocab);
        assert.equal(differingNodes(session, tree), [], `${name}, parents ${tree.parents}`);
      }
    }
  });
}

test('each type gives logits of its own, near those of f32 (seed 3)', async () => {
  const next = random(3);
  const prompt = Array.from({ length: 40 }, () => randomInt(next, 512));
  const [f32, f16, q8] = (await Promise.all(
    TYPES.map(async (kv) => prefill((await fixtureModel('test-300k', { dtype: 'f32', kv })).session(), prompt).slice()),
  )) as [Float32Array, Float32Array, Float32Array];
  const size = largestMagnitude(f32);
  const distance = (a: Float32Array) => largestMagnitude(a.map((value, i) => value - f32[i]!)) / size;
  assert.ok(distance(f16) > 0 && distance(f16) < 1e-3, `${distance(f16)}`);
  assert.ok(distance(q8) > distance(f16) && distance(q8) < 3e-2, `${distance(q8)}`);
});

/** Which row a cache holds in the place of `row`, one of the `rows` that a head stores in a pass. */
type Rounding = (row: Float32Array, rows: readonly Float32Array[]) => HeldRow;

/** A machine on which, while `state.planted`, passes over several tokens hold keys that were rounded in another way. */
function misrounding(machine: Machine, state: { planted: boolean }, rounding: Rounding): Machine {
  return {
    ...machine,
    run(program, ops, alone) {
      if (!state.planted) return machine.run(program, ops, alone);
      const { buffer } = machine.memory;
      for (let i = 0; i < ops; i++) {
        const address = program + i * OP_WORDS * 4;
        machine.run(address, 1, alone);
        const words = new Int32Array(buffer, address, OP_WORDS);
        if (words[0] === KV_STORE_F16 || words[0] === KV_STORE_Q8) holdOtherwise(buffer, words, rounding);
      }
    },
  };
}

/** Rounds once more the keys that a KV_STORE op has stored; layouts in opcodes.ts. */
function holdOtherwise(buffer: ArrayBuffer, words: Int32Array, rounding: Rounding): void {
  const [opcode, keys, , k, , slot, rows, kvHeads, headDim, capacity, stride] = [...words] as number[] as [
    ...[number, number, number, number, number, number],
    ...[number, number, number, number, number],
  ];
  const type = opcode === KV_STORE_F16 ? 'f16' : 'q8';
  const rowBytes = kvRowBytes(type, 1, headDim);
  for (let head = 0; head < kvHeads; head++) {
    const region = keys + head * capacity * rowBytes;
    const numbers = new (type === 'f16' ? Uint16Array : Int8Array)(buffer, region, capacity * headDim);
    const given = Array.from(
      { length: rows },
      (_, row) => new Float32Array(buffer, k + (row * stride + head * headDim) * 4, headDim),
    );
    given.forEach((row, i) => {
      const at = slot + i;
      const held = rounding(row, given);
      held.numbers.forEach((number, d) => {
        numbers[keyIndex({ type, kvHeads, headDim, capacity }, at, d)] = number;
      });
      if (type === 'q8') new Float32Array(buffer, region + capacity * headDim, capacity)[at] = held.scale;
    });
  }
}

//   0 ─┬─ 1 ── 3      after a prompt of 9
//      └─ 2 ── 4
const PARENTS = [-1, 0, 0, 1, 2];

/** Nodes whose logits differ from plain decoding, which runs without the fault. */
async function wrongNodes(kv: 'f16' | 'q8', rounding: Rounding): Promise<number[]> {
  const next = random(7);
  const state = { planted: false };
  const model = await fixtureModel('test-300k', {
    ...{ kv, dtype: 'f32', sessions: 2 },
    wrapMachine: (machine) => misrounding(machine, state, rounding),
  });
  const [speculative, plain] = [model.session(), model.session()];
  const prompt = Array.from({ length: 9 }, () => randomInt(next, speculative.vocab));
  prefill(speculative, prompt);
  const tree = withTokens(PARENTS, next, speculative.vocab);
  state.planted = true;
  const rows = speculative.forward(tree, 'all');
  const verified = PARENTS.map((_, node) => rows.logits(node).slice());
  state.planted = false;
  return PARENTS.map((_, node) => node).filter((node) => {
    plain.truncate(0);
    const expected = prefill(plain, [...prompt, ...pathTo(PARENTS, node).map((each) => tree.tokens[each]!)]);
    return firstDifference(verified[node]!, expected) !== -1;
  });
}

test('without a fault nothing differs', async () => {
  assert.equal(await wrongNodes('f16', (row) => hold('f16', row)), []);
  assert.equal(await wrongNodes('q8', (row) => hold('q8', row)), []);
});

test('a scale that the rows of a pass share is caught', async () => {
  const shared: Rounding = (row, rows) => holdScaled(row, Math.max(...rows.map(largestMagnitude)));
  assert.equal(await wrongNodes('q8', shared), [0, 1, 2, 3, 4]);
});

test('a scale shared by siblings alone is caught', async () => {
  // Nodes 1 and 2: what the smaller of the two rows becomes shows at its node and below.
  const shared: Rounding = (row, rows) =>
    row === rows[1] || row === rows[2]
      ? holdScaled(row, Math.max(largestMagnitude(rows[1]!), largestMagnitude(rows[2]!)))
      : hold('q8', row);
  assert.equal(await wrongNodes('q8', shared), [1, 2, 3, 4]);
});

test('new keys rounded in another way than committed ones are caught', async () => {
  const cutOff: Rounding = (row) => {
    const { numbers, scale } = hold('f16', row);
    const values = expand(numbers);
    return {
      numbers: Uint16Array.from(numbers, (bits, d) => bits - Number(Math.abs(values[d]!) > Math.abs(row[d]!))),
      scale,
    };
  };
  assert.equal(await wrongNodes('f16', cutOff), [0, 1, 2, 3, 4]);
});

test.run();
