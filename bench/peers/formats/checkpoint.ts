/**
 * The random checkpoint that all contestants run, with its weights as f32.
 * @module
 */
import type { randomModel, Shape } from '../../../src/cli/random-model.ts';

/** A (rows, cols) matrix, row by row. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly values: Float32Array;
}

export interface LayerWeights {
  readonly attentionNorm: Float32Array;
  readonly query: Matrix;
  readonly key: Matrix;
  readonly value: Matrix;
  readonly output: Matrix;
  readonly feedForwardNorm: Float32Array;
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
}

/** Every tensor of a model with tied embeddings; a matrix multiplies from the left: out = W x. */
export interface Weights {
  readonly shape: Shape;
  readonly embedding: Matrix;
  readonly layers: readonly LayerWeights[];
  readonly finalNorm: Float32Array;
}

/** Values of `hfConfig` in random-model.ts that are no size. */
export const NORM_EPSILON = 1e-5;
export const ROPE_BASE = 10_000;

/** @param files what `randomModel` returned: bf16, so f32 holds every weight exactly */
export function readWeights(shape: Shape, files: ReturnType<typeof randomModel>): Weights {
  const file = files['model.safetensors']!;
  const headerBytes = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + headerBytes)));

  function matrix(name: string): Matrix {
    const { shape: size, data_offsets: range } = header[`model.${name}.weight`];
    const half = new Uint16Array(file.buffer, 8 + headerBytes + range[0], (range[1] - range[0]) / 2);
    const values = new Float32Array(half.length);
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < half.length; i++) bits[i] = half[i]! << 16;
    return { rows: size[0], cols: size[1] ?? 1, values };
  }

  return {
    shape,
    embedding: matrix('embed_tokens'),
    layers: Array.from({ length: shape.layers }, (_, index) => {
      const of = (name: string) => matrix(`layers.${index}.${name}`);
      return {
        attentionNorm: of('input_layernorm').values,
        query: of('self_attn.q_proj'),
        key: of('self_attn.k_proj'),
        value: of('self_attn.v_proj'),
        output: of('self_attn.o_proj'),
        feedForwardNorm: of('post_attention_layernorm').values,
        gate: of('mlp.gate_proj'),
        up: of('mlp.up_proj'),
        down: of('mlp.down_proj'),
      };
    }),
    finalNorm: matrix('norm').values,
  };
}
