/**
 * What config.json may say of each architecture: the words of transformers 4 and 5, what is refused, and how weights may be stored.
 * @module
 */
import type { ModelConfig } from '../../src/formats/hf-config.ts';
import { quantizeQ4 } from '../../src/formats/q4.ts';
import { quantizeQ8 } from '../../src/formats/q8.ts';
import type { NamedTensor } from '../../src/formats/safetensors-writer.ts';
import { MODEL_TYPES } from '../../src/model/architectures/families.ts';
import { parseModelConfig } from '../../src/model/architectures/parse-config.ts';
import type { TransformerModel } from '../../src/model/transformer-model.ts';
import { rejection } from '../formats/rejection.ts';
import { assert, firstDifference, test } from '../harness.ts';
import { architectureModel, checkpointsOf, expectedOf, readFixture, type Weight } from './architecture-models.ts';
import { prefill } from './plain-decoding.ts';
import { relativeDifference } from './reference.ts';

const configOf = (name: string, change: object = {}) => ({ ...readFixture(name).config, ...change });

const parse = (config: object): Promise<ModelConfig> =>
  parseModelConfig(new TextEncoder().encode(JSON.stringify(config)));

/** The configuration without its functions, which are never the same. */
async function parsed(config: object): Promise<object> {
  const { layout, ...rest } = await parse(config);
  return rest;
}

test('an unknown model_type is refused by a message that names those that are known', async () => {
  for (const type of ['mamba', 'gemma3n', '__proto__', 'Llama', '']) {
    const { code, message } = await rejection(() => parse({ model_type: type }));
    assert.is(code, 'config.unsupported');
    for (const known of MODEL_TYPES) assert.ok(message.includes(known), message);
  }
});

/** Heads of 8 elements have two pairs that turn. */
const HALF = { partial_rotary_factor: 0.5 };

// Settings that are valid, would change the result, and are not implemented; and values that no model has.
const REFUSED: Record<string, readonly [code: string, change: object][]> = {
  'llama-yarn': [
    ['config.type', { attention_bias: 'true' }],
    ['config.type', { mlp_bias: 1 }],
    ['config.unsupported', { sliding_window: 8 }],
    ['config.unsupported', { rope_parameters: { rope_type: 'proportional', rope_theta: 1e4 } }],
    ['config.unsupported', { rope_parameters: { rope_type: '__proto__', rope_theta: 1e4 } }],
    ['config.missing', { rope_parameters: { rope_type: 'yarn', rope_theta: 1e4 } }],
    ['config.range', { rope_parameters: { rope_type: 'linear', rope_theta: 1e4, factor: 0 } }],
    ['config.type', { rope_parameters: { rope_type: 'linear', rope_theta: 1e4, factor: '2' } }],
    ['config.range', { rope_parameters: { rope_type: 'linear', rope_theta: 0, factor: 2 } }],
    [
      'config.range',
      { rope_parameters: { rope_type: 'linear', factor: 2 }, rope_scaling: { type: 'dynamic', factor: 2 } },
    ],
    ['config.range', { rope_parameters: { rope_type: 'yarn', factor: 2, original_max_position_embeddings: 0 } }],
    ['config.range', { rope_parameters: { rope_type: 'yarn', factor: 2, beta_fast: -1 } }],
    ['config.type', { rope_parameters: { rope_type: 'yarn', factor: 2, truncate: 1 } }],
    ['config.range', { rope_parameters: { rope_type: 'llama3', factor: 2, low_freq_factor: 4, high_freq_factor: 4 } }],
    ['config.missing', { rope_parameters: { rope_type: 'llama3', factor: 2 } }],
    ['config.missing', { rope_parameters: null, rope_scaling: { type: 'linear' } }],
  ],
  'mistral-window': [
    ['config.range', { sliding_window: 0 }],
    ['config.range', { sliding_window: -1 }],
    ['config.range', { sliding_window: 1.5 }],
    ['config.type', { sliding_window: '4096' }],
    ['config.unsupported', { hidden_act: 'gelu' }],
    ['config.unsupported', { architectures: ['MistralForSequenceClassification'] }],
  ],
  'qwen2-window': [
    ['config.type', { use_sliding_window: 1 }],
    ['config.range', { layer_types: ['full_attention'] }],
    ['config.unsupported', { layer_types: ['full_attention', 'linear_attention', 'full_attention'] }],
    ['config.unsupported', { layer_types: ['full_attention', 7, 'full_attention'] }],
    ['config.range', { layer_types: null, max_window_layers: -1 }],
  ],
  'qwen3-plain': [
    ['config.type', { attention_bias: 1 }],
    ['config.range', { head_dim: 7 }],
    ['config.range', { head_dim: 0 }],
  ],
  'phi3-longrope': [
    ['config.range', { rope_parameters: { rope_type: 'longrope', short_factor: [1], long_factor: [1] } }],
    ['config.type', { rope_parameters: { rope_type: 'longrope', short_factor: 1, long_factor: 1 } }],
    [
      'config.range',
      { rope_parameters: { ...HALF, rope_type: 'longrope', short_factor: [1, 0], long_factor: [1, 1] } },
    ],
    ['config.range', { rope_parameters: { partial_rotary_factor: 0.1, rope_type: 'default' } }],
    ['config.range', { rope_parameters: { partial_rotary_factor: 2, rope_type: 'default' } }],
    ['config.unsupported', { attention_bias: true }],
  ],
  'smollm3-listed': [
    ['config.range', { no_rope_layers: [1] }],
    ['config.range', { no_rope_layers: [1, 2, 1] }],
    ['config.range', { no_rope_layers: null, no_rope_layer_interval: 0 }],
    ['config.type', { mlp_bias: 0 }],
  ],
  'gpt2-plain': [
    ['config.unsupported', { scale_attn_by_inverse_layer_idx: true }],
    ['config.unsupported', { add_cross_attention: true }],
    ['config.unsupported', { scale_attn_weights: false }],
    ['config.unsupported', { activation_function: 'relu' }],
    ['config.range', { n_head: 7 }],
    ['config.missing', { n_embd: null }],
    ['config.range', { n_positions: 0 }],
  ],
  'gpt_neox-plain': [
    ['config.unsupported', { hidden_act: 'relu' }],
    ['config.type', { use_parallel_residual: 'yes' }],
    ['config.range', { rope_parameters: null, rotary_pct: 0 }],
    ['config.range', { rope_parameters: null, rotary_pct: 1.5 }],
  ],
  'gemma2-plain': [
    ['config.unsupported', { hidden_activation: 'silu' }],
    ['config.unsupported', { use_bidirectional_attention: true }],
    ['config.range', { attn_logit_softcapping: 0 }],
    ['config.range', { final_logit_softcapping: -30 }],
    ['config.range', { query_pre_attn_scalar: 0 }],
    ['config.type', { query_pre_attn_scalar: '256' }],
  ],
  'gemma3-whole': [
    ['config.missing', { text_config: null }],
    ['config.type', { text_config: 3 }],
    ['config.unsupported', { architectures: ['Gemma3ForCausalLM'] }],
    ['config.range', { text_config: { hidden_size: 0 } }],
    ['config.type', { text_config: { sliding_window: 'wide' } }],
    ['config.range', { eos_token_id: [1, 2 ** 30] }],
    ['config.type', { tie_word_embeddings: 'yes' }],
  ],
  'gemma3_text-scaled': [
    ['config.unsupported', { attn_logit_softcapping: 50 }],
    ['config.type', { rope_parameters: { full_attention: 1 } }],
    ['config.unsupported', { rope_parameters: { full_attention: { rope_type: 'mrope' } } }],
    ['config.range', { rope_parameters: null, rope_local_base_freq: 0 }],
    ['config.range', { layer_types: null, sliding_window_pattern: 0 }],
  ],
};

for (const [name, cases] of Object.entries(REFUSED)) {
  test(`${name}: settings that are not implemented, and values out of bounds, are refused by code`, async () => {
    for (const [code, change] of cases) {
      const error = await rejection(() => parse(configOf(name, change)));
      assert.is(error.code, code, `${JSON.stringify(change)}: ${error.message}`);
    }
  });
}

test('every family is among those of which something is refused', () => {
  const types = new Set(Object.keys(REFUSED).map((name) => name.slice(0, name.indexOf('-'))));
  assert.equal([...types].sort(), [...MODEL_TYPES].sort());
});

// The same model, as transformers 4 wrote it.
const OLDER: Record<string, object> = {
  'llama-llama3': {
    rope_parameters: null,
    rope_theta: 500000,
    rope_scaling: {
      rope_type: 'llama3',
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 32,
    },
  },
  'llama-linear': { rope_parameters: null, rope_theta: 10000, rope_scaling: { type: 'linear', factor: 4 } },
  'phi3-longrope': {
    rope_parameters: null,
    rope_theta: 10000,
    partial_rotary_factor: 0.5,
    rope_scaling: { type: 'su', short_factor: [1, 1.1], long_factor: [1.5, 7] },
  },
  'qwen2-window': { layer_types: null },
  'smollm3-plain': { layer_types: null, no_rope_layers: null, rope_parameters: null, rope_theta: 2000000 },
  'gpt_neox-plain': { rope_parameters: null, rotary_pct: 0.25, rotary_emb_base: 10000 },
  'gemma2-plain': { layer_types: null, rope_parameters: null, rope_theta: 10000 },
  'gemma3_text-plain': {
    layer_types: null,
    rope_parameters: null,
    _sliding_window_pattern: null,
    sliding_window_pattern: 6,
    rope_theta: 1000000,
    rope_local_base_freq: 10000,
  },
  'gemma3_text-scaled': {
    rope_parameters: null,
    rope_theta: 1000000,
    rope_local_base_freq: 10000,
    rope_scaling: { rope_type: 'linear', factor: 8 },
  },
};

for (const [name, change] of Object.entries(OLDER)) {
  test(`${name}: a config of transformers 4 is read the same`, async () => {
    assert.equal(await parsed(configOf(name, change)), await parsed(configOf(name)));
  });
}

/** Logits of the last of the reference's tokens. */
function lastLogits(model: TransformerModel, name: string): Float32Array {
  return prefill(model.session(), [...expectedOf(name).prompt]);
}

test('GPT-2 is read by the names without a prefix, too', async () => {
  const name = 'gpt2-plain';
  const store = ([tensor, shape, data]: Weight): NamedTensor[] => [
    [tensor.replace('transformer.', ''), { dtype: 'F32', shape, data }],
  ];
  const model = await architectureModel(name, { change: { store } });
  assert.is(firstDifference(lastLogits(model, name), lastLogits(await architectureModel(name), name)), -1);
});

test('the text part of a Gemma 3 with images is read by the names of published checkpoints, too, with what its config.json leaves out', async () => {
  const name = 'gemma3-whole';
  const store = ([tensor, shape, data]: Weight): NamedTensor[] => [
    [tensor.replace('model.language_model.', 'language_model.model.'), { dtype: 'F32', shape, data }],
  ];
  const model = await architectureModel(name, { change: { store } });
  assert.is(firstDifference(lastLogits(model, name), lastLogits(await architectureModel(name), name)), -1);
  const short = await parse({ model_type: 'gemma3', text_config: { hidden_size: 2560, num_hidden_layers: 34 } });
  assert.equal([short.vocab, short.headDim, short.layers, short.tied], [262_208, 256, 34, true]);
});

test('LongRoPE takes the factors of the context that the model is loaded with', async () => {
  const name = 'phi3-longrope'; // trained for 32 positions
  const prompt = [...expectedOf(name).prompt].slice(0, 20);
  const logits = async (context: number) => prefill((await architectureModel(name, { context })).session(), prompt);
  assert.is(firstDifference(await logits(20), await logits(32)), -1);
  assert.is(firstDifference(await logits(33), await logits(200)), -1);
  assert.is.not(firstDifference(await logits(32), await logits(33)), -1);
});

test('a conversation under the factors of a long context is not loaded under those of a short one', async () => {
  const session = async (context: number) => (await architectureModel('phi3-longrope', { context })).session();
  const long = await session(40);
  prefill(long, [1, 2, 3]);
  (await session(50)).load(long.save());
  const short = await session(30);
  assert.is((await rejection(() => short.load(long.save()))).code, 'session.snapshot');
});

/** Matrices of layers in blocks. */
function inBlocks(format: 'q8' | 'q4') {
  const quantize = format === 'q8' ? quantizeQ8 : quantizeQ4;
  return ([name, shape, values]: Weight): NamedTensor[] => {
    if (shape.length === 1) return [[name, { dtype: 'F32', shape, data: values }]];
    const [rows, cols] = shape as [number, number];
    const { q, scale } = quantize(values);
    return [
      [`${name}.scale`, { dtype: 'F16', shape: [rows, cols / 32], data: scale }],
      [
        `${name}.q`,
        format === 'q8' ? { dtype: 'I8', shape, data: q } : { dtype: 'U8', shape: [rows, cols / 2], data: q },
      ],
    ];
  };
}

for (const format of ['q8', 'q4'] as const) {
  test(`${format}: heads that lie side by side have the bits that the same weights have from floats`, async () => {
    const name = 'gpt_neox-unbiased';
    const quantization_config = { quant_method: 'foretoken', format, block_size: 32 };
    const change = { config: { quantization_config }, store: inBlocks(format) };
    const [stored, floats] = [
      await architectureModel(name, { change, dtype: format }),
      await architectureModel(name, { dtype: format }),
    ];
    assert.is(firstDifference(lastLogits(stored, name), lastLogits(floats, name)), -1);
  });
}

// Every way of storing and packing a weight is on the way to these logits, and a matrix in the wrong order would be far off.
for (const type of MODEL_TYPES) {
  for (const [dtype, bound] of [
    ['bf16', 0.05],
    ['f16', 0.01],
    ['q8', 0.3],
  ] as const) {
    test(`${type} in ${dtype} is within ${bound} of f32, relative to the largest logit`, async () => {
      for (const name of checkpointsOf(type)) {
        const exact = lastLogits(await architectureModel(name), name);
        const model = await architectureModel(name, { dtype }).catch((error) => {
          if (dtype === 'q8' && error.code === 'config.unsupported') return undefined;
          throw error;
        });
        if (!model) continue;
        const difference = relativeDifference(lastLogits(model, name), exact);
        assert.ok(difference < bound && difference > 0, `${name}: ${difference}`);
      }
    });
  }
}

test.run();
