/** @module */

/**
 * What transformers 5.23.0 writes:
 * `LlamaConfig(vocab_size=320, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=96,
 * max_position_embeddings=128, tie_word_embeddings=True, eos_token_id=[1, 2], architectures=['LlamaForCausalLM']).to_json_string()`
 */
export const transformers5Config = {
  architectures: ['LlamaForCausalLM'],
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: 1,
  eos_token_id: [1, 2],
  head_dim: 16,
  hidden_act: 'silu',
  hidden_size: 64,
  initializer_range: 0.02,
  intermediate_size: 96,
  max_position_embeddings: 128,
  mlp_bias: false,
  model_type: 'llama',
  num_attention_heads: 4,
  num_hidden_layers: 2,
  num_key_value_heads: 2,
  pad_token_id: null,
  pretraining_tp: 1,
  rms_norm_eps: 1e-6,
  rope_parameters: { rope_theta: 10000, rope_type: 'default' },
  tie_word_embeddings: true,
  transformers_version: '5.23.0',
  use_cache: true,
  vocab_size: 320,
};
