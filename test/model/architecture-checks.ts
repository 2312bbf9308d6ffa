/**
 * What is checked of every architecture: it computes what the reference computes, and a tree pass has the bits of plain decoding.
 * @module
 */
import type { Machine } from '../../src/engine/engine.ts';
import { ADD, ATTENTION_F32, ATTENTION_Q8, OP_WORDS } from '../../src/engine/opcodes.ts';
import type { LoadOptions } from '../../src/model/load-transformer.ts';
import { misfit } from '../../src/model/memory-plan.ts';
import type { TransformerModel } from '../../src/model/transformer-model.ts';
import { random, randomInt } from '../numbers.ts';
import { architectureModel, expectedOf } from './architecture-models.ts';
import { fillUnusedSlots, POISON } from './fixture-model.ts';
import { differingNodes, prefill, treeLogits } from './plain-decoding.ts';
import { compareGreedy, compareLogits, type LogitsDifference, relativeDifference } from './reference.ts';
import { allParents, binary, chain, randomParents, star, withTokens } from './trees.ts';

export interface ReferenceDifference extends LogitsDifference {
  /** Largest difference of the stream behind any layer. */
  readonly stream: number;
  /** As `compareGreedy` returns it. */
  readonly greedy: number;
}

/** Compares a checkpoint with what transformers computed. */
export async function compareWithReference(name: string): Promise<ReferenceDifference> {
  const expected = expectedOf(name);
  const streams: Float32Array[] = [];
  let model: TransformerModel | undefined;
  const wrapMachine = (machine: Machine) => recordStreams(machine, () => model, streams);
  model = await architectureModel(name, { wrapMachine });
  const session = model.session();
  const logits = compareLogits(session, expected);
  const { hidden, layers } = model.config;
  // Two sums a layer; what comes before is that of embeddings and positions.
  const behindLayers = streams.slice(-2 * layers).filter((_, i) => i % 2 === 1);
  const positions = expected.hidden.length / (layers * hidden);
  let stream = 0;
  behindLayers.forEach((rows, layer) => {
    for (let i = 0; i < positions; i++) {
      const at = (layer * positions + i) * hidden;
      const position = i * 7; // make.py's POSITIONS
      const row = rows.subarray(position * hidden, (position + 1) * hidden);
      stream = Math.max(stream, relativeDifference(row, expected.hidden.subarray(at, at + hidden)));
    }
  });
  const greedy = compareGreedy(session, expected);
  model.dispose();
  return { ...logits, stream, greedy };
}

/** Runs op by op, and copies the stream behind every sum that goes to it. */
function recordStreams(machine: Machine, model: () => TransformerModel | undefined, streams: Float32Array[]): Machine {
  return {
    ...machine,
    run(program, ops, alone) {
      streams.splice(0, alone ? 0 : streams.length);
      for (let i = 0; i < ops; i++) {
        const address = program + i * OP_WORDS * 4;
        machine.run(address, 1, alone);
        const [opcode, out, , , count] = new Int32Array(machine.memory.buffer, address, OP_WORDS);
        if (opcode === ADD && out === model()!.plan.stages[0]!.pass.stream) {
          streams.push(new Float32Array(machine.memory.buffer, out!, count).slice());
        }
      }
    },
  };
}

/** Types that a checkpoint is verified in: f32 always, and integers where its widths allow them. */
function typesOf(model: TransformerModel): Pick<LoadOptions, 'dtype' | 'kv'>[] {
  const floats = [{ dtype: 'f32' }, { dtype: 'f32', kv: 'q8' }] as const;
  return misfit(model.config, 'q8') === undefined ? [...floats, { dtype: 'q8', kv: 'f16' }] : [...floats];
}

export interface TreeCheck {
  /** Nodes compared with plain decoding. */
  readonly nodes: number;
  /** What differed, for a message. */
  readonly differing: readonly string[];
}

/**
 * Verifies trees after prompts of several lengths: all of up to 4 nodes, a chain that is longer than most windows, a star, a binary tree, and
 * random ones.
 */
export async function verifyTrees(name: string, threads: number): Promise<TreeCheck> {
  const next = random(6);
  const shapes = [
    ...allParents(4),
    chain(40),
    star(20),
    binary(31),
    ...Array.from({ length: 6 }, () => randomParents(next, 12)),
  ];
  let nodes = 0;
  const differing: string[] = [];
  const first = await architectureModel(name);
  for (const types of typesOf(first)) {
    const model = await architectureModel(name, { ...types, threads });
    const session = model.session();
    for (const prompt of [1, 10, 45]) {
      session.truncate(0);
      prefill(
        session,
        Array.from({ length: prompt }, () => randomInt(next, session.vocab)),
      );
      fillUnusedSlots(model, session, POISON);
      for (const shape of shapes) {
        const tree = withTokens(shape, next, session.vocab);
        nodes += shape.length;
        const wrong = differingNodes(session, tree);
        if (wrong.length > 0)
          differing.push(`${JSON.stringify(types)}, prompt ${prompt}, parents ${shape}: nodes ${wrong}`);
      }
    }
    model.dispose();
  }
  return { nodes, differing };
}

/** Operands of an attention op, by their place in opcodes.ts. */
export const WINDOW = 16;

/**
 * Nodes of a chain of 8 after a prompt of 30 whose logits differ from plain decoding when its attention ops are changed.
 * @param change called with the words of each attention op of the tree pass, and its number
 */
export async function nodesChangedBy(name: string, change: (op: Int32Array, index: number) => void): Promise<number[]> {
  const state = { planted: false };
  const wrapMachine = (machine: Machine): Machine => ({
    ...machine,
    run(program, ops, alone) {
      const words = new Int32Array(machine.memory.buffer, program, ops * OP_WORDS);
      let index = 0;
      for (let start = 0; start < words.length && state.planted; start += OP_WORDS) {
        const isAttention = words[start]! >= ATTENTION_F32 && words[start]! <= ATTENTION_Q8;
        if (isAttention) change(words.subarray(start, start + OP_WORDS), index++);
      }
      machine.run(program, ops, alone);
    },
  });
  const next = random(7);
  const model = await architectureModel(name, { wrapMachine });
  const session = model.session();
  prefill(
    session,
    Array.from({ length: 30 }, () => randomInt(next, session.vocab)),
  );
  const tree = withTokens(chain(8), next, session.vocab);
  state.planted = true;
  const verified = treeLogits(session, tree);
  state.planted = false;
  return differingNodes(session, tree, verified);
}
