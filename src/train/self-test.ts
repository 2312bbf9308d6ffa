/**
 * Known answers of training: two updates of a small graph in which every kernel has a part, whenever an engine is made. A host that computes anything
 * else is told at once instead of training something else.
 * @module
 */
import type { Engine } from '../engine/engine.ts';
import { ForetokenError } from '../errors.ts';
import { adamW, applyUpdate, gradientNorm, updateNumbers } from './adamw.ts';
import { Graph, type Tensor } from './graph.ts';
import { decoderLayer, gatedCell } from './layers.ts';
import { gelu, geluTanh } from './operations/activation.ts';
import { add, concat, scale } from './operations/elementwise.ts';
import { embed } from './operations/embed.ts';
import { linear } from './operations/linear.ts';
import { crossEntropy, divergence, smoothL1 } from './operations/loss.ts';
import { layerNorm } from './operations/norm.ts';
import { ropeTable } from './operations/rope.ts';
import { planTraining } from './plan.ts';
import { Workspace } from './workspace.ts';

/** Digest of the parameters. */
const ANSWER = 3_065_355_851;

const ROWS = 6;
const DIM = 16;
const VOCAB = 9;
const BATCH = {
  parents: [-1, 0, 0, 1, 2, 1],
  tokens: [3, 0, 8, 3, -1, 5],
  labels: [0, 8, 3, -1, 5, 2],
};

/** @throws {ForetokenError} `engine.selftest` */
export function trainingSelfTest(engine: Engine): void {
  const digest = trainingSelfTestDigest(engine);
  if (digest !== ANSWER) {
    throw new ForetokenError(
      'engine.selftest',
      `the known answer of training is ${ANSWER}, this host computes ${digest}`,
    );
  }
}

/** Trains, and folds every word of the parameters into 32 bits (FNV-1a over words). */
function trainingSelfTestDigest(engine: Engine): number {
  const graph = smallGraph();
  const plan = planTraining(graph, { threads: 1, average: true });
  const workspace = new Workspace(graph, plan, engine.createMachine(plan.bytes), 1);
  const optimizer = adamW({ average: 0.5, clipNorm: 0.5 });
  for (let update = 0; update < 2; update++) {
    workspace.run(BATCH, 'training');
    applyUpdate(workspace, optimizer, updateNumbers(optimizer, update), gradientNorm(workspace), 1);
  }
  let digest = 0x811c9dc5;
  for (const { values, average } of workspace.trained) {
    for (const { buffer, byteOffset, length } of [values, average!]) {
      for (const word of new Int32Array(buffer, byteOffset, length)) digest = Math.imul(digest ^ word, 0x01000193);
    }
  }
  return digest >>> 0;
}

function smallGraph(): Graph {
  const graph = new Graph();
  const weight = (name: string, rows: number, cols: number): Tensor =>
    graph.parameter(name, rows, cols, { initial: { deviation: 0.3 } });
  const mask = graph.tree('parents', 1, ROWS);
  const rotary = ropeTable(mask, Float32Array.of(1, 0.5, 0.25, 0.125));
  const shape = { hidden: DIM, intermediate: 20, queryHeads: 2, kvHeads: 1, headDim: 8, rmsNormEpsilon: 1e-5 };
  const stream = embed(weight('table', VOCAB, DIM), graph.ids('tokens', ROWS, VOCAB));
  const layer = decoderLayer(stream, 'layer', { shape, mask, rotary, initial: { deviation: 0.3 } });
  const normed = layerNorm(layer, weight('norm', 1, DIM), weight('norm.bias', 1, DIM), 1e-5);
  const cell = gatedCell(add(gelu(normed), geluTanh(normed)), scale(normed, 0.5), {
    input: weight('cell.input', 3 * DIM, DIM),
    inputBias: weight('cell.inputBias', 1, 3 * DIM),
    state: weight('cell.state', 3 * DIM, DIM),
    stateBias: weight('cell.stateBias', 1, 3 * DIM),
  });
  const logits = linear(concat(cell, normed), weight('head', VOCAB, 2 * DIM));
  crossEntropy(logits, graph.ids('labels', ROWS, VOCAB));
  const teacher = graph.constant(
    ROWS,
    VOCAB,
    Float32Array.from({ length: ROWS * VOCAB }, (_, i) => (i % 7) / 4),
  );
  for (const kind of ['forward-kl', 'reverse-kl', 'jsd', 'tvd'] as const) divergence(logits, teacher, { kind });
  smoothL1(cell, graph.constant(ROWS, DIM, new Float32Array(ROWS * DIM)));
  return graph;
}
