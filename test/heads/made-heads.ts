/**
 * Heads of random weights, as the files of a folder, for the small test model.
 * @module
 */
import { type HeadConfig, type HeadKind, headConfigJson, headShapes } from '../../src/heads/format.ts';
import { type NamedTensor, writeSafetensors } from '../../src/formats/safetensors-writer.ts';
import { random, randomFloats, randomInt } from '../harness.ts';

/** Sizes of the model test-300k. */
export const HIDDEN = 96;
export const VOCAB = 512;

export const KINDS: readonly HeadKind[] = ['medusa', 'hydra', 'hydra++', 'recurrent'];

/** A small head of a kind. */
export function headConfig(kind: HeadKind, change: Partial<HeadConfig> = {}): HeadConfig {
  const isRecurrent = kind === 'recurrent';
  return {
    kind,
    hidden: HIDDEN,
    vocab: VOCAB,
    heads: 3,
    layers: 2,
    tied: false,
    draftVocab: undefined,
    accuracy: undefined,
    prefix:
      kind === 'hydra++'
        ? { intermediate: 128, queryHeads: 6, kvHeads: 3, headDim: 16, ropeTheta: 10_000, rmsNormEpsilon: 1e-5 }
        : undefined,
    exitDim: isRecurrent ? 2 * HIDDEN : undefined,
    rnn: isRecurrent ? true : undefined,
    quantization: undefined,
    ...change,
  };
}

/** Weights by name. */
export type Weights = Map<string, Float32Array>;

/** Random weights: outputs so far apart that rounding does not change their order. */
export function randomWeights(config: HeadConfig, seed: number): Weights {
  const next = random(seed);
  const weights: Weights = new Map();
  for (const [name, shape] of headShapes(config)) {
    if (name === 'draft_vocab') continue;
    const count = shape.reduce((product, size) => product * size, 1);
    const isNorm = name.includes('norm');
    const scale = isNorm ? 0.1 : shape.length === 1 ? 0.3 : 2 / Math.sqrt(shape[1]!);
    const values = randomFloats(next, count, scale);
    weights.set(name, isNorm ? values.map((value) => 1 + value) : values);
  }
  return weights;
}

/** So many of the target's ids, none twice, in no order. */
export function randomDraftVocab(count: number, seed: number): Int32Array {
  const next = random(seed);
  const ids = Array.from({ length: VOCAB }, (_, id) => id);
  for (let i = ids.length - 1; i > 0; i--) {
    const other = randomInt(next, i + 1);
    [ids[i], ids[other]] = [ids[other]!, ids[i]!];
  }
  return Int32Array.from(ids.slice(0, count));
}

export type HeadFiles = Record<string, Uint8Array>;

/** The folder of a head. */
export function headFiles(config: HeadConfig, weights: Weights, draftVocab?: Int32Array): HeadFiles {
  const shapes = headShapes(config);
  const tensors: NamedTensor[] = Array.from(weights, ([name, data]) => [
    name,
    { dtype: 'F32', shape: shapes.get(name)!, data },
  ]);
  if (draftVocab) tensors.push(['draft_vocab', { dtype: 'I32', shape: [draftVocab.length], data: draftVocab }]);
  return { 'config.json': json(headConfigJson(config)), 'model.safetensors': writeSafetensors(tensors) };
}

export const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
