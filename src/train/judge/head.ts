/**
 * A linear head on hidden states, by logistic regression: cross-entropy over two classes, of which the head is the difference.
 * Source: Bachmann et al., "Judge Decoding", 2025, arXiv 2501.19309: one layer, the target frozen, and wrong tokens weigh more, as what is accepted
 * wrongly stays. States are standardised while it learns, as those of AutoJudge (arXiv 2504.20039), and the head is told for the states themselves.
 * @module
 */
import { uniform } from '../../decode/random.ts';
import { exp } from '../../engine/math.ts';
import { Breather } from '../../runtime/breathe.ts';
import type { JudgeHead } from '../../verify/judge.ts';
import { Graph } from '../graph.ts';
import { warmUpCosine } from '../learning-rate.ts';
import { linear } from '../operations/linear.ts';
import { crossEntropy } from '../operations/loss.ts';
import { createTrainer } from '../trainer.ts';
import type { JudgeExample } from './examples.ts';

export interface JudgeHeadOptions {
  /** How much more a wrong token weighs than a right one, over 0: default 2. */
  readonly wrongWeight?: number;
  /** Rounds over the examples: default 8. */
  readonly epochs?: number;
  /** Of AdamW at its peak: default 0.01. */
  readonly learningRate?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/** How well a head tells right from wrong on examples that it has not learnt from. */
export interface JudgeAccuracy {
  readonly examples: number;
  readonly right: number;
  /** Share of all that it tells at a threshold of 0.5. */
  readonly accuracy: number;
  /** Probability that a right token has a higher score than a wrong one; 0.5 is chance. */
  readonly auc: number;
  /** Shares that are accepted at 0.5: of right tokens that are not the target's choice, of wrong ones. */
  readonly acceptedRight: number;
  readonly acceptedWrong: number;
}

const ROWS = 64;
/** Of random numbers: beside those of a generation (verify/chooser.ts). */
const STREAM = 3;

/**
 * @param examples of both kinds, all of one width
 * @throws {ForetokenError} `train.*`, `engine.*`, `memory.*`; @throws the signal's reason, once it aborts
 */
export async function trainJudgeHead(
  examples: readonly JudgeExample[],
  { wrongWeight = 2, epochs = 8, learningRate = 0.01, seed = 0, signal }: JudgeHeadOptions = {},
): Promise<Required<Pick<JudgeHead, 'weights' | 'bias'>>> {
  const width = examples[0]!.hidden.length;
  const { mean, scale } = standardOf(examples);
  const graph = new Graph();
  const states = graph.input('states', ROWS, width);
  const labels = graph.ids('labels', ROWS, 2);
  const weights = graph.input('weights', ROWS, 1);
  const weight = graph.parameter('weight', 2, width);
  const bias = graph.parameter('bias', 1, 2);
  crossEntropy(linear(states, weight, bias), labels, { weights });
  const updates = epochs * Math.ceil(examples.length / ROWS);
  const rate = warmUpCosine({ peak: learningRate, warmUp: Math.ceil(updates / 20), updates });
  const trainer = await createTrainer(graph, { seed, optimizer: { learningRate: rate, weightDecay: 0.01 } });
  try {
    const order = Uint32Array.from(examples.keys());
    const next = generator(seed);
    const breather = new Breather();
    for (let update = 0, at = examples.length; update < updates; update++) {
      signal?.throwIfAborted();
      if (at >= examples.length) {
        shuffle(order, next);
        at = 0;
      }
      const batch = {
        states: new Float32Array(ROWS * width),
        labels: new Int32Array(ROWS).fill(-1),
        weights: new Float32Array(ROWS),
      };
      for (let row = 0; row < ROWS && at < examples.length; row++, at++) {
        const { hidden, isRight } = examples[order[at]!]!;
        for (let i = 0; i < width; i++) batch.states[row * width + i] = (hidden[i]! - mean[i]!) / scale[i]!;
        batch.labels[row] = isRight ? 1 : 0;
        batch.weights[row] = (isRight ? 1 : wrongWeight) / ROWS;
      }
      trainer.step(batch);
      await breather.due();
    }
    const rows = trainer.get('weight');
    const biases = trainer.get('bias');
    const folded = mean.map((_, i) => (rows[width + i]! - rows[i]!) / scale[i]!);
    const shift = folded.reduce((sum, value, i) => sum + value * mean[i]!, 0);
    return { weights: folded, bias: biases[1]! - biases[0]! - shift };
  } finally {
    trainer.dispose();
  }
}

/** Sigmoid of the head's value for a state. */
export function judgeScore({ weights, bias }: Pick<JudgeHead, 'weights' | 'bias'>, hidden: Float32Array): number {
  let sum = bias;
  for (let i = 0; i < hidden.length; i++) sum += weights[i]! * hidden[i]!;
  return 1 / (1 + exp(-sum));
}

/** @param examples of both kinds */
export function judgeAccuracy(
  head: Pick<JudgeHead, 'weights' | 'bias'>,
  examples: readonly JudgeExample[],
): JudgeAccuracy {
  const scored = examples.map((example) => ({ ...example, score: judgeScore(head, example.hidden) }));
  const share = (of: typeof scored, accepted: boolean) =>
    of.length === 0 ? Number.NaN : of.filter(({ score }) => score > 0.5 === accepted).length / of.length;
  const right = scored.filter(({ isRight }) => isRight);
  const wrong = scored.filter(({ isRight }) => !isRight);
  return {
    examples: examples.length,
    right: right.length,
    accuracy: (share(right, true) * right.length + share(wrong, false) * wrong.length) / examples.length,
    auc: areaUnderCurve(scored),
    acceptedRight: share(
      right.filter(({ isChoice }) => !isChoice),
      true,
    ),
    acceptedWrong: share(wrong, true),
  };
}

/** By ranks, those of equal scores shared: Mann and Whitney's U over the number of pairs. */
function areaUnderCurve(scored: readonly { readonly score: number; readonly isRight: boolean }[]): number {
  const sorted = [...scored].sort((a, b) => a.score - b.score);
  let [ranks, right] = [0, 0];
  for (let from = 0; from < sorted.length; ) {
    let to = from;
    while (to < sorted.length && sorted[to]!.score === sorted[from]!.score) to++;
    for (let i = from; i < to; i++) {
      if (!sorted[i]!.isRight) continue;
      ranks += (from + to + 1) / 2;
      right++;
    }
    from = to;
  }
  return (ranks - (right * (right + 1)) / 2) / (right * (sorted.length - right));
}

/** Mean and deviation of each number of the states; a number that never changes has a deviation of 1. */
function standardOf(examples: readonly JudgeExample[]): { mean: Float64Array; scale: Float64Array } {
  const width = examples[0]!.hidden.length;
  const mean = new Float64Array(width);
  const scale = new Float64Array(width);
  for (const { hidden } of examples) for (let i = 0; i < width; i++) mean[i]! += hidden[i]! / examples.length;
  for (const { hidden } of examples) {
    for (let i = 0; i < width; i++) scale[i]! += (hidden[i]! - mean[i]!) ** 2 / examples.length;
  }
  return { mean, scale: scale.map((variance) => (variance > 0 ? Math.sqrt(variance) : 1)) };
}

function shuffle(order: Uint32Array, next: () => number): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
}

/** Numbers in [0, 1), by seed. */
export function generator(seed: number): () => number {
  let place = 0;
  return () => uniform(seed, place++, 0, STREAM);
}
