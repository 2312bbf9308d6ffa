/**
 * Gemma 2 in GGUF. That weights of norms count from 1 does not show: they are stored with the 1 added.
 * @module
 */
import type { ModelConfig } from '../../formats/hf-config.ts';
import type { JsonValue } from '../../formats/json.ts';
import { always, f32, type GgufFamily, type Setting } from './family.ts';
import { type Metadata, shortestFor } from './metadata.ts';
import { rope } from './rope.ts';
import { headsOf, sizes } from './sizes.ts';
import { windowByPeriod } from './windows.ts';

const SCALE = 'attention.scale';
const SCORE_CAP = 'attn_logit_softcapping';
const LOGIT_CAP = 'final_logit_softcapping';

export const geluTanh = always({ hidden_activation: 'gelu_pytorch_tanh' }, () => undefined);

/**
 * What scores are divided by the root of: the width of a head, but in the largest model a head's share of the hidden width. Only another
 * one is stated, by the factor that it comes to.
 * @param largest number of layers of the largest model
 */
export function scoreScale(largest: number): Setting {
  const usual = (layers: number, hidden: number, queryHeads: number, headDim: number) =>
    layers === largest ? hidden / queryHeads : headDim;
  return {
    read(gguf: Metadata) {
      const { queryHeads, headDim } = headsOf(gguf);
      const scalar = usual(
        gguf.integer('block_count', 1, 2 ** 24),
        gguf.integer('embedding_length', 1, 2 ** 24),
        queryHeads,
        headDim,
      );
      if (!gguf.has(SCALE)) return { query_pre_attn_scalar: scalar };
      const scale = Math.fround(gguf.fields.number(gguf.key(SCALE), 1e-3, 30));
      return { query_pre_attn_scalar: shortestFor(1 / scale ** 2, (short) => factorOf(short) === scale) };
    },
    write({ form, layers, hidden, queryHeads, headDim }: ModelConfig) {
      const scale = Math.fround(form!.scoreScale!);
      return scale === factorOf(usual(layers, hidden, queryHeads, headDim)) ? [] : [f32(SCALE, scale)];
    },
  };
}

const factorOf = (scalar: number): number => Math.fround(1 / Math.sqrt(scalar));

/**
 * A soft cap; 0 stands for none.
 * @param fallback of a file that states none
 */
function cap(key: string, fallback: number, capOf: (config: ModelConfig) => number): Setting {
  return {
    read: (gguf): { [name: string]: JsonValue } => ({ [key]: gguf.number(key, 0, 1e6, fallback) || null }),
    write: (config) => (capOf(config) === fallback && fallback === 0 ? [] : [f32(key, capOf(config))]),
  };
}

export const logitCap = (fallback: number): Setting => cap(LOGIT_CAP, fallback, ({ form }) => form!.logitCap!);

export const gemma2: GgufFamily = {
  architecture: 'gemma2',
  modelType: 'gemma2',
  className: 'Gemma2ForCausalLM',
  settings: [
    sizes,
    geluTanh,
    scoreScale(46),
    cap(SCORE_CAP, 50, ({ form }) => form!.scoreCap!),
    logitCap(30),
    windowByPeriod(2, 4096),
    rope(),
  ],
};
