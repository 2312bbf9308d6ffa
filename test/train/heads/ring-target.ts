/**
 * A target that is known to the last number, and texts of its language: it says (5 x + 3) mod 64 behind token x, whatever came before.
 *
 * Layers add nothing to the stream, so a hidden state is the norm of a token's embedding; the output layer has that embedding in the row of the token that
 * follows. So the token after the next is predictable from a hidden state, and heads that begin as the output layer say the next one instead.
 * @module
 */
import { writeSafetensors } from '../../../src/formats/safetensors-writer.ts';
import { random, randomFloats, randomInt } from '../../numbers.ts';

export const RING = 64;
export const HIDDEN = 96;
const INTERMEDIATE = 64;

export const next = (token: number) => (5 * token + 3) % RING;

/** The files of the model. */
export function ringTarget(): Record<string, Uint8Array> {
  const config = {
    ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', vocab_size: RING, hidden_size: HIDDEN },
    ...{ intermediate_size: INTERMEDIATE, num_hidden_layers: 1, num_attention_heads: 6, num_key_value_heads: 3 },
    ...{ head_dim: 16, max_position_embeddings: 256, rope_theta: 10000, rms_norm_eps: 1e-5, hidden_act: 'silu' },
    ...{ tie_word_embeddings: false, bos_token_id: null, eos_token_id: null },
  };
  const embedding = randomFloats(random(1), RING * HIDDEN);
  const head = new Float32Array(RING * HIDDEN);
  for (let token = 0; token < RING; token++) {
    const row = embedding.subarray(token * HIDDEN, (token + 1) * HIDDEN);
    // Small, so that the target leaves something to the other tokens: a head that is wrong and sure of it has no gradient of some divergences.
    head.set(
      row.map((value) => value / 16),
      next(token) * HIDDEN,
    );
  }
  const matrix = (data: Float32Array, rows: number, cols: number) =>
    ({ dtype: 'F32', shape: [rows, cols], data }) as const;
  const zeros = (rows: number, cols: number) => matrix(new Float32Array(rows * cols), rows, cols);
  const ones = { dtype: 'F32', shape: [HIDDEN], data: new Float32Array(HIDDEN).fill(1) } as const;
  const layer = 'model.layers.0';
  const weights = writeSafetensors([
    ['model.embed_tokens.weight', matrix(embedding, RING, HIDDEN)],
    ['lm_head.weight', matrix(head, RING, HIDDEN)],
    ['model.norm.weight', ones],
    [`${layer}.input_layernorm.weight`, ones],
    [`${layer}.post_attention_layernorm.weight`, ones],
    [`${layer}.self_attn.q_proj.weight`, zeros(96, HIDDEN)],
    [`${layer}.self_attn.k_proj.weight`, zeros(48, HIDDEN)],
    [`${layer}.self_attn.v_proj.weight`, zeros(48, HIDDEN)],
    [`${layer}.self_attn.o_proj.weight`, zeros(HIDDEN, 96)],
    [`${layer}.mlp.gate_proj.weight`, zeros(INTERMEDIATE, HIDDEN)],
    [`${layer}.mlp.up_proj.weight`, zeros(INTERMEDIATE, HIDDEN)],
    [`${layer}.mlp.down_proj.weight`, zeros(HIDDEN, INTERMEDIATE)],
  ]);
  return { 'config.json': new TextEncoder().encode(JSON.stringify(config)), 'model.safetensors': weights };
}

/** Texts that follow the ring, but for one token in ten. */
export function ringTexts(seed: number, count: number, length: number): Int32Array[] {
  const draw = random(seed);
  return Array.from({ length: count }, () => {
    const text = new Int32Array(length);
    text[0] = randomInt(draw, RING);
    for (let i = 1; i < length; i++) text[i] = draw() < 0.1 ? randomInt(draw, RING) : next(text[i - 1]!);
    return text;
  });
}
