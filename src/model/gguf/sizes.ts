/**
 * What every model is made of: sizes, tokens that begin and end a text, and settings that no model here has.
 * @module
 */
import { ForetokenError } from '../../errors.ts';
import type { ModelConfig } from '../../formats/hf-config.ts';
import { MOST } from '../../formats/limits.ts';
import { type ConfigFields, f32, type Setting, u32 } from './family.ts';
import type { Metadata } from './metadata.ts';

/** Names of config.json, where a family has others than Llama. */
export interface SizeNames {
  readonly hidden?: string;
  readonly layers?: string;
  readonly queryHeads?: string;
  readonly intermediate?: string;
  readonly epsilon?: string;
  readonly context?: string;
}

/** Sizes of a family with Llama's names. */
export const sizes: Setting = sizesNamed({}, 'attention.layer_norm_rms_epsilon', true);

/**
 * @param epsilonKey of GGUF
 * @param ownHeads whether heads may have a width of their own, and keys fewer heads than queries
 */
export function sizesNamed(names: SizeNames, epsilonKey: string, ownHeads: boolean): Setting {
  const {
    hidden = 'hidden_size',
    layers = 'num_hidden_layers',
    queryHeads = 'num_attention_heads',
    intermediate = 'intermediate_size',
    epsilon = 'rms_norm_eps',
    context = 'max_position_embeddings',
  } = names;
  return {
    read(gguf) {
      const heads = headsOf(gguf, ownHeads);
      return {
        vocab_size: vocabOf(gguf),
        [hidden]: gguf.integer('embedding_length', 1, MOST.hidden),
        [intermediate]: gguf.integer('feed_forward_length', 1, MOST.intermediate),
        [layers]: gguf.integer('block_count', 1, MOST.layers),
        [queryHeads]: heads.queryHeads,
        ...(ownHeads && { num_key_value_heads: heads.kvHeads, head_dim: heads.headDim }),
        [context]: gguf.integer('context_length', 1, MOST.context),
        [epsilon]: gguf.number(epsilonKey, 1e-12, 1),
        tie_word_embeddings: !gguf.tensors.has('output.weight'),
        ...endTokens(gguf),
      };
    },
    write: (config) => [
      u32('vocab_size', config.vocab),
      u32('context_length', config.context),
      u32('embedding_length', config.hidden),
      u32('block_count', config.layers),
      u32('feed_forward_length', config.intermediate),
      u32('attention.head_count', config.queryHeads),
      u32('attention.head_count_kv', config.kvHeads),
      ...(ownHeads ? [u32('attention.key_length', config.headDim), u32('attention.value_length', config.headDim)] : []),
      f32(epsilonKey, config.rmsNormEpsilon),
    ],
  };
}

/** The number of tokens; the embedding has a row for each, which is checked where it is looked for. */
function vocabOf(gguf: Metadata): number {
  const { fields, tensors } = gguf;
  const rows = tensors.get('token_embd.weight')?.shape[0];
  const tokens = fields.isList('tokenizer.ggml.tokens') ? fields.list('tokenizer.ggml.tokens').length : undefined;
  return gguf.integer('vocab_size', 1, MOST.vocab, rows ?? tokens);
}

/** @throws {ForetokenError} `config.*` */
export function headsOf(gguf: Metadata, ownHeads = true): Pick<ModelConfig, 'queryHeads' | 'kvHeads' | 'headDim'> {
  const hidden = gguf.integer('embedding_length', 1, MOST.hidden);
  const queryHeads = gguf.integer('attention.head_count', 1, MOST.heads);
  const kvHeads = gguf.integer('attention.head_count_kv', 1, queryHeads, queryHeads);
  const length = 'attention.key_length';
  if (queryHeads % kvHeads !== 0) {
    const divisor = `a divisor of ${gguf.key('attention.head_count')}, ${queryHeads}`;
    throw gguf.fields.range(gguf.key('attention.head_count_kv'), divisor);
  }
  if (!gguf.has(length) && hidden % queryHeads !== 0) {
    const divisor = `a divisor of ${gguf.key('embedding_length')}, ${hidden}`;
    throw gguf.fields.range(gguf.key('attention.head_count'), divisor);
  }
  const headDim = gguf.integer(length, 1, MOST.headDim, hidden / queryHeads);
  if (headDim % 2 !== 0) {
    const { what } = gguf.fields;
    throw new ForetokenError('config.range', `${what}: heads of ${headDim} elements, expected an even number`);
  }
  const value = 'attention.value_length';
  if (gguf.integer(value, 1, MOST.headDim, headDim) !== headDim) {
    throw gguf.fields.unsupported(gguf.key(value), `${headDim}, the width of a head`);
  }
  if (!ownHeads && kvHeads !== queryHeads) {
    throw gguf.fields.unsupported(gguf.key('attention.head_count_kv'), `${queryHeads}, as many as heads of queries`);
  }
  if (!ownHeads && headDim * queryHeads !== hidden) {
    throw gguf.fields.unsupported(gguf.key(length), `${hidden / queryHeads}, a head's share of the width`);
  }
  return { queryHeads, kvHeads, headDim };
}

function endTokens(gguf: Metadata): ConfigFields {
  const vocab = vocabOf(gguf);
  const token = (kind: string) => {
    const key = `tokenizer.ggml.${kind}_token_id`;
    return gguf.fields.has(key) ? gguf.fields.integer(key, 0, vocab - 1) : undefined;
  };
  const ends = [...new Set(['eos', 'eot', 'eom'].flatMap((kind) => token(kind) ?? []))];
  return {
    bos_token_id: token('bos') ?? null,
    eos_token_id: ends.length > 1 ? ends : (ends[0] ?? null),
  };
}

/** Settings that change what the layers compute: only the values that the transformer implements pass. */
export function checkNeutral(gguf: Metadata): void {
  const { fields } = gguf;
  const one = [
    'rope.scale_linear',
    'logit_scale',
    'residual_scale',
    'embedding_scale',
    'rope.scaling.yarn_attn_factor',
  ];
  const zero = ['expert_count', 'attention.clamp_kqv', 'attention.max_alibi_bias', 'rope.scaling.yarn_log_multiplier'];
  for (const [names, neutral] of [
    [one, 1],
    [zero, 0],
  ] as const) {
    for (const name of names) {
      const value = fields.number(gguf.key(name), -Infinity, Infinity, neutral);
      if (value !== neutral) throw fields.unsupported(gguf.key(name), String(neutral));
    }
  }
  if (fields.number('split.count', 0, Infinity, 0) > 1) throw fields.unsupported('split.count', '1, one file');
  if (!gguf.boolean('attention.causal', true)) throw fields.unsupported(gguf.key('attention.causal'), 'true');
}
