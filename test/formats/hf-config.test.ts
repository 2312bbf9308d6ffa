/** config.json as transformers 4 and 5 write it, and defaults of fields that older versions leave out. */
import { type ModelConfig, parseHfConfig } from '../../src/formats/hf-config.ts';
import { assert, test } from '../harness.ts';
import { transformers5Config } from './configs.ts';

const parse = (config: object): ModelConfig => parseHfConfig(new TextEncoder().encode(JSON.stringify(config)));

test('a config of transformers 5 is read', () => {
  assert.equal(parse(transformers5Config), {
    architecture: 'llama',
    vocab: 320,
    hidden: 64,
    layers: 2,
    queryHeads: 4,
    kvHeads: 2,
    headDim: 16,
    intermediate: 96,
    rmsNormEpsilon: 1e-6,
    ropeTheta: 10000,
    context: 128,
    tied: true,
    bosToken: 1,
    eosTokens: [1, 2],
    quantization: undefined,
  });
});

test('a config of transformers 4 is read the same', () => {
  const { rope_parameters, ...rest } = transformers5Config;
  const older = { ...rest, ...rope_parameters, rope_type: undefined, rope_scaling: null, torch_dtype: 'float32' };
  assert.equal(parse(older), parse(transformers5Config));
});

test('what old configs leave out has the defaults of transformers', () => {
  const config = parse({
    model_type: 'llama',
    vocab_size: 100,
    hidden_size: 48,
    num_hidden_layers: 1,
    num_attention_heads: 6,
    intermediate_size: 64,
    rms_norm_eps: 1e-5,
    max_position_embeddings: 64,
  });
  const { kvHeads, headDim, ropeTheta, tied, bosToken, eosTokens } = config;
  assert.equal([kvHeads, headDim, ropeTheta, tied, bosToken, eosTokens], [6, 8, 10000, false, undefined, []]);
});

test('heads may be wider than their share of the hidden size', () => {
  assert.is(parse({ ...transformers5Config, head_dim: 32 }).headDim, 32);
  assert.is(parse({ ...transformers5Config, head_dim: 10, hidden_size: 50 }).headDim, 10);
});

test('a single end-of-text token, and none, are read', () => {
  assert.equal(parse({ ...transformers5Config, eos_token_id: 7 }).eosTokens, [7]);
  assert.equal(parse({ ...transformers5Config, eos_token_id: null, bos_token_id: null }).eosTokens, []);
});

test('settings that name the default pass: rope_scaling, sliding_window, partial_rotary_factor', () => {
  const config = {
    ...transformers5Config,
    rope_scaling: { type: 'default' },
    sliding_window: null,
    partial_rotary_factor: 1,
    rope_theta: 10000,
  };
  assert.equal(parse(config), parse(transformers5Config));
});

test('matrices stored in blocks of 8 or 4 bits are announced by quantization_config', () => {
  for (const format of ['q8', 'q4'] as const) {
    const quantization = { quant_method: 'foretoken', format, block_size: 32 };
    assert.equal(parse({ ...transformers5Config, quantization_config: quantization }).quantization, {
      format,
      blockSize: 32,
    });
  }
});

test.run();
