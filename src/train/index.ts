/**
 * Training in the same engine: graphs of operations, planned beforehand, with gradients and AdamW.
 *
 * @example
 * const graph = new Graph();
 * const hidden = graph.input('hidden', 256, 96);
 * const labels = graph.ids('labels', 256, 512);
 * const weight = graph.parameter('head.weight', 512, 96, { initial: { deviation: 0.02 } });
 * crossEntropy(linear(hidden, weight), labels);
 * const trainer = await createTrainer(graph, { optimizer: { learningRate: 1e-3 } });
 * const { loss } = trainer.step({ hidden: numbers, labels: next });
 * @module
 */
export type { AdamWOptions } from './adamw.ts';
export { type Batch, meanWeights } from './batch.ts';
export { createTrainingEngine } from './engine.ts';
export {
  type JudgeAccuracy,
  type JudgeQuality,
  type TrainedJudge,
  type TrainJudgeOptions,
  trainJudge,
} from './judge/index.ts';
export type { HeadType } from './heads/head-files.ts';
export type { HeadLoss } from './heads/head-graph.ts';
export type { FullRecipe, HeadRecipe, HeadRun, OnPolicy } from './heads/head-options.ts';
export type { HeadProgress, RunListeners, TrainedHead } from './heads/head-run.ts';
export type { HeadEvaluation, HeadHistory } from './heads/history.ts';
export type { StateCache } from './heads/state-cache.ts';
export {
  estimateHeadTraining,
  type HeadTrainingMemory,
  type TrainHeadOptions,
  type TrainingText,
  trainHead,
} from './heads/train-head.ts';
export { Graph, type Ids, type Initial, type Mask, type ParameterOptions, type Tensor } from './graph.ts';
export {
  type DecoderLayerOptions,
  type DecoderShape,
  decoderLayer,
  type GatedWeights,
  gatedCell,
  type RecurrentWeights,
  recurrentCell,
} from './layers.ts';
export { type CosineOptions, type LearningRate, type WarmUpOptions, warmUp, warmUpCosine } from './learning-rate.ts';
export { gelu, geluTanh, sigmoid, silu, tanh } from './operations/activation.ts';
export { type AttentionOptions, attention } from './operations/attention.ts';
export { add, columns, combine, concat, multiply, reshape, scale, subtract } from './operations/elementwise.ts';
export { embed } from './operations/embed.ts';
export { linear } from './operations/linear.ts';
export {
  crossEntropy,
  type DivergenceOptions,
  divergence,
  type LossOptions,
  type SmoothL1Options,
  smoothL1,
} from './operations/loss.ts';
export { layerNorm, rmsNorm } from './operations/norm.ts';
export { topIds } from './operations/select.ts';
export { type Pairing, type RopeOptions, rope, ropeTable } from './operations/rope.ts';
export {
  type BatchResult,
  createTrainer,
  estimateTraining,
  type StepResult,
  Trainer,
  type TrainerOptions,
  type UpdateResult,
} from './trainer.ts';
