/**
 * The small Llama whose training test/fixtures/training/make.py has recorded: the same first weights, the same texts, the same updates.
 * @module
 */
import { readFileSync } from 'node:fs';
import type { Engine } from '../../src/engine/engine.ts';
import { Graph } from '../../src/train/graph.ts';
import { decoderLayer } from '../../src/train/layers.ts';
import { warmUpCosine } from '../../src/train/learning-rate.ts';
import { embed } from '../../src/train/operations/embed.ts';
import { linear } from '../../src/train/operations/linear.ts';
import { crossEntropy } from '../../src/train/operations/loss.ts';
import { rmsNorm } from '../../src/train/operations/norm.ts';
import { ropeTable } from '../../src/train/operations/rope.ts';
import { createTrainer, type StepResult, type Trainer, type TrainerOptions } from '../../src/train/trainer.ts';
import { random, randomFloats } from '../numbers.ts';
import { repositoryFile } from '../repository.ts';

/** What PyTorch came to. */
export interface Curve {
  readonly parameters: number;
  readonly losses: readonly number[];
  readonly gradientNorms: readonly number[];
  readonly learningRates: readonly number[];
}

export const recorded = JSON.parse(readFileSync(repositoryFile('test/fixtures/training/curve.json'), 'utf8')) as Curve;

const VOCAB = 512;
const SHAPE = {
  ...{ hidden: 96, intermediate: 256, queryHeads: 6, kvHeads: 3, headDim: 16, rmsNormEpsilon: 1e-5 },
};
const LAYERS = 3;
const SEGMENTS = 4;
const ROWS = 64;
const UPDATES = 200;

/** Names, behind a layer's, of its matrices in the order in which make.py draws them. */
const MATRICES = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj'];
const MLP = ['mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'];

/** The graph, with the tied embedding. */
export function smallLlama(segments = SEGMENTS, rows = ROWS): Graph {
  const graph = new Graph();
  const mask = graph.causal(segments, rows);
  const tokens = graph.ids('tokens', segments * rows, VOCAB);
  const labels = graph.ids('labels', segments * rows, VOCAB);
  const { headDim, hidden, rmsNormEpsilon } = SHAPE;
  const frequencies = Float32Array.from({ length: headDim / 2 }, (_, i) => 10_000 ** ((-2 * i) / headDim));
  const rotary = ropeTable(mask, frequencies);
  const table = graph.parameter('model.embed_tokens.weight', VOCAB, hidden, { initial: { deviation: 0.05 } });
  let stream = embed(table, tokens);
  for (let layer = 0; layer < LAYERS; layer++) {
    stream = decoderLayer(stream, `model.layers.${layer}`, { shape: SHAPE, mask, rotary });
  }
  const normed = rmsNorm(stream, graph.parameter('model.norm.weight', 1, hidden, { initial: 1 }), rmsNormEpsilon);
  const logits = linear(normed, table);
  crossEntropy(logits, labels);
  return graph;
}

/** The first weights of make.py. */
function setWeights(trainer: Trainer): void {
  const next = random(11);
  const draw = (name: string) => {
    trainer.set(`${name}.weight`, randomFloats(next, trainer.get(`${name}.weight`).length, 0.05));
  };
  draw('model.embed_tokens');
  for (let layer = 0; layer < LAYERS; layer++) {
    for (const name of [...MATRICES, ...MLP]) draw(`model.layers.${layer}.${name}`);
  }
}

/** Tokens of which three quarters follow from the two before. */
export function stream(seed: number, n: number): Int32Array {
  const next = random(seed);
  const tokens = Int32Array.of(1, 2, ...new Int32Array(n));
  for (let i = 2; i < n + 2; i++) {
    const follows = (tokens[i - 1]! * 5 + (tokens[i - 2]! % 4) * 17 + 3) % 64;
    const [luck, other] = [next(), next()];
    tokens[i] = luck < 0.75 ? follows : Math.floor(other * 64);
  }
  return tokens.slice(2);
}

/** Batch after batch of a text: segments of ROWS + 1 tokens, which are shifted by one against each other. */
export function batchOf(text: Int32Array, number: number, segments = SEGMENTS, rows = ROWS) {
  const [tokens, labels] = [new Int32Array(segments * rows), new Int32Array(segments * rows)];
  for (let segment = 0; segment < segments; segment++) {
    const start = (number * segments + segment) * (rows + 1);
    tokens.set(text.subarray(start, start + rows), segment * rows);
    labels.set(text.subarray(start + 1, start + rows + 1), segment * rows);
  }
  return { tokens, labels };
}

export const OPTIMIZER = {
  learningRate: warmUpCosine({ peak: 3e-3, warmUp: 20, updates: UPDATES, floor: 3e-4 }),
  beta2: 0.95,
  weightDecay: 0.1,
};

/** The first updates of the recorded run. */
export async function train(updates: number, engine?: Engine, options: TrainerOptions = {}): Promise<StepResult[]> {
  const trainer = await createTrainer(smallLlama(), { optimizer: OPTIMIZER, ...(engine && { engine }), ...options });
  setWeights(trainer);
  const text = stream(7, UPDATES * SEGMENTS * (ROWS + 1));
  const results = Array.from({ length: updates }, (_, update) => trainer.step(batchOf(text, update)));
  trainer.dispose();
  return results;
}

/** The largest |got / want - 1| of a run's losses. */
export function lossError(results: readonly StepResult[]): number {
  return Math.max(...results.map(({ loss }, update) => Math.abs(loss / recorded.losses[update]! - 1)));
}
