/**
 * A Llama of 353 k parameters to be trained, in the shape of test/fixtures/models/test-300k, and texts for it. Runs on every runtime.
 * @module
 */
import { exp, log } from '../../src/engine/math.ts';
import { Graph } from '../../src/train/graph.ts';
import { decoderLayer } from '../../src/train/layers.ts';
import { warmUpCosine } from '../../src/train/learning-rate.ts';
import { embed } from '../../src/train/operations/embed.ts';
import { linear } from '../../src/train/operations/linear.ts';
import { crossEntropy } from '../../src/train/operations/loss.ts';
import { rmsNorm } from '../../src/train/operations/norm.ts';
import { ropeTable } from '../../src/train/operations/rope.ts';
import { createTrainer, type TrainerOptions } from '../../src/train/trainer.ts';
import { random } from '../numbers.ts';

const VOCAB = 512;
const SHAPE = {
  ...{ hidden: 96, intermediate: 256, queryHeads: 6, kvHeads: 3, headDim: 16, rmsNormEpsilon: 1e-5 },
};
export const LAYERS = 3;
export const SEGMENTS = 4;
export const ROWS = 64;
export const UPDATES = 200;

/** The graph, with the tied embedding. */
export function smallLlama(segments = SEGMENTS, rows = ROWS): Graph {
  const graph = new Graph();
  const mask = graph.causal(segments, rows);
  const tokens = graph.ids('tokens', segments * rows, VOCAB);
  const labels = graph.ids('labels', segments * rows, VOCAB);
  const { headDim, hidden, rmsNormEpsilon } = SHAPE;
  // By our own exp and log: those of a host differ in their last bits, and a digest is made of this.
  const frequencies = Float32Array.from({ length: headDim / 2 }, (_, i) => exp(((-2 * i) / headDim) * log(10_000)));
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

/**
 * SHA-256 of what a short run comes to: parameters that begin at random, three updates with clipping, decay and moving means. No host's Math is in it.
 * @returns hexadecimal
 */
export async function trainingDigest(options: TrainerOptions = {}): Promise<string> {
  const optimizer = { ...OPTIMIZER, average: 0.99 };
  const trainer = await createTrainer(smallLlama(2, 32), { seed: 5, optimizer, ...options });
  const text = stream(3, 200);
  for (let update = 0; update < 3; update++) trainer.step(batchOf(text, update, 2, 32));
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(trainer.save())));
  trainer.dispose();
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
