/**
 * The form of a model: what its layers are made of, where families differ. The transformer reads it; nothing else knows of families.
 * @module
 */
import { exp, log } from '../engine/math.ts';
import type { ModelConfig } from '../formats/hf-config.ts';

/** How the pairs of a head turn from one position to the next. */
export interface Rope {
  /** (rotated / 2,) radians per position. */
  readonly frequencies: readonly number[];
  /** Cosines and sines are multiplied by it. */
  readonly scale: number;
  /** Other frequencies, for models loaded with a context of more than `above` positions. */
  readonly longer?: { readonly above: number; readonly frequencies: readonly number[] };
  /** How the frequencies came about, for those who write it down elsewhere; absent: they are those of the model's base. */
  readonly origin?: RopeOrigin;
}

/** The base of a rotation's frequencies, and how they are scaled; `named`: in a way that is known by its name only. */
export interface RopeOrigin {
  readonly theta: number;
  readonly scaling?:
    | { readonly type: 'linear'; readonly factor: number }
    | {
        readonly type: 'yarn';
        readonly factor: number;
        readonly trained: number;
        readonly fast: number;
        readonly slow: number;
      }
    | {
        readonly type: 'factors';
        readonly short: readonly number[];
        readonly long?: readonly number[];
        readonly trained?: number;
      }
    | { readonly type: 'named'; readonly name: string };
}

/** The frequencies of a model that is loaded with a context of so many positions. */
export function frequenciesFor({ frequencies, longer }: Rope, context: number): readonly number[] {
  return longer && context > longer.above ? longer.frequencies : frequencies;
}

export interface LayerForm {
  /** Which of the model's ropes turns its queries and keys; undefined: none, they do not know their position. */
  readonly rope: number | undefined;
  /** Positions that a token sees, its own among them; 0: all. */
  readonly window: number;
}

/** Whatever a configuration leaves out is as in Llama. Norms, biases and fused matrices show in the checkpoint's layout instead. */
export interface ModelForm {
  /** Of the feed-forward layer: down(activation(gate x) * up x), or down(activation(up x)) without a gate. */
  readonly activation: 'silu' | 'gelu' | 'gelu-tanh';
  readonly gated: boolean;
  /**
   * sequential  stream += attention(norm(stream)); then stream += feedForward(norm(stream))
   * parallel    stream += attention(norm(stream)) + feedForward(norm(stream)), of the same stream
   */
  readonly residual: 'sequential' | 'parallel';
  /** Embeddings are multiplied by it. */
  readonly embeddingScale: number;
  /** Products of queries and keys are multiplied by it. */
  readonly scoreScale: number;
  /** Scores, and logits, become cap * tanh(x / cap); 0: they stay as they are. */
  readonly scoreCap: number;
  readonly logitCap: number;
  /** Elements at the beginning of each head that turn; the others stay. */
  readonly rotated: number;
  readonly ropes: readonly Rope[];
  /** (L,) */
  readonly layers: readonly LayerForm[];
}

/** The whole form of a model. */
export function formOf(config: ModelConfig): ModelForm {
  const { headDim, ropeTheta, form } = config;
  const rotated = form?.rotated ?? headDim;
  return {
    activation: 'silu',
    gated: true,
    residual: 'sequential',
    embeddingScale: 1,
    scoreScale: 1 / Math.sqrt(headDim),
    scoreCap: 0,
    logitCap: 0,
    rotated,
    ropes: form?.ropes ?? [{ frequencies: ropeFrequencies(ropeTheta, rotated), scale: 1 }],
    layers: Array(config.layers).fill({ rope: 0, window: 0 }),
    ...form,
  };
}

/**
 * frequencies[i] = theta^(-2i / rotated): the angle by which pair i turns from one position to the next.
 * Source: Su et al., 2021, arXiv 2104.09864, section 3.2.2. In f64; kept as f32.
 */
export function ropeFrequencies(theta: number, rotated: number): number[] {
  const logTheta = log(theta);
  return Array.from({ length: rotated / 2 }, (_, i) => exp((-2 * i * logTheta) / rotated));
}
