/**
 * Layers made of operations, with the parameters that they have in checkpoints.
 * @module
 */
import type { Initial, Mask, Tensor } from './graph.ts';
import { sigmoid, silu, tanh } from './operations/activation.ts';
import { attention } from './operations/attention.ts';
import { add, columns, multiply, subtract } from './operations/elementwise.ts';
import { linear } from './operations/linear.ts';
import { rmsNorm } from './operations/norm.ts';
import { rope } from './operations/rope.ts';

/** Sizes of a decoder layer, by the names of a model's configuration. */
export interface DecoderShape {
  readonly hidden: number;
  readonly intermediate: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rmsNormEpsilon: number;
}

export interface DecoderLayerOptions {
  readonly shape: DecoderShape;
  readonly mask: Mask;
  /** What ropeTable made for the rows. */
  readonly rotary: Tensor;
  /** How matrices begin; default: a deviation of 0.02. Norms begin as ones. */
  readonly initial?: Initial;
  /** How the two matrices begin whose output is added to the stream; default as `initial`. Of zeros the layer begins as nothing. */
  readonly outward?: Initial;
}

/**
 * A decoder layer as Llama has it, whose parameters are named as in Hugging Face's checkpoints, behind `prefix`.
 * @param x (rows, hidden)
 */
export function decoderLayer(x: Tensor, prefix: string, options: DecoderLayerOptions): Tensor {
  const { shape, mask, rotary, initial = { deviation: 0.02 }, outward = initial } = options;
  const { hidden, intermediate, queryHeads, kvHeads, headDim, rmsNormEpsilon } = shape;
  const { graph } = x;
  const project = (input: Tensor, name: string, outDim: number, inDim: number, begin = initial) =>
    linear(input, graph.parameter(`${prefix}.${name}.weight`, outDim, inDim, { initial: begin }));
  const norm = (input: Tensor, name: string) =>
    rmsNorm(input, graph.parameter(`${prefix}.${name}.weight`, 1, hidden, { initial: 1 }), rmsNormEpsilon);

  const normed = norm(x, 'input_layernorm');
  const q = rope(project(normed, 'self_attn.q_proj', queryHeads * headDim, hidden), rotary, { headDim });
  const k = rope(project(normed, 'self_attn.k_proj', kvHeads * headDim, hidden), rotary, { headDim });
  const v = project(normed, 'self_attn.v_proj', kvHeads * headDim, hidden);
  const attended = attention(q, k, v, mask, { headDim });
  const stream = add(x, project(attended, 'self_attn.o_proj', hidden, queryHeads * headDim, outward));

  const inner = norm(stream, 'post_attention_layernorm');
  const gated = silu(
    project(inner, 'mlp.gate_proj', intermediate, hidden),
    project(inner, 'mlp.up_proj', intermediate, hidden),
  );
  return add(stream, project(gated, 'mlp.down_proj', hidden, intermediate, outward));
}

/** Parameters of a recurrent cell, used at every step. */
export interface RecurrentWeights {
  /** (hidden, inDim) */
  readonly input: Tensor;
  /** (hidden, hidden) and (1, hidden) */
  readonly state: Tensor;
  readonly bias: Tensor;
}

/** The recurrent cell of ReDrafter: silu(input x + state s + bias). Source: Zhang et al., 2024, arXiv 2403.09919. @param state none for zeros */
export function recurrentCell(x: Tensor, state: Tensor | undefined, weights: RecurrentWeights): Tensor {
  if (!state) return silu(linear(x, weights.input, weights.bias));
  return silu(add(linear(x, weights.input), linear(state, weights.state, weights.bias)));
}

/** Parameters of a gated cell as PyTorch's GRU has them: of the reset gate, above those of the update gate, above those of the new state. */
export interface GatedWeights {
  /** (3 hidden, inDim), (1, 3 hidden) */
  readonly input: Tensor;
  readonly inputBias: Tensor;
  /** (3 hidden, hidden), (1, 3 hidden) */
  readonly state: Tensor;
  readonly stateBias: Tensor;
}

/**
 * A gated recurrent unit: n + z (s - n) with r and z sigmoids, n = tanh(input part + r * state part).
 * Source: Cho et al., 2014, arXiv 1406.1078, in PyTorch's form.
 */
export function gatedCell(x: Tensor, state: Tensor, weights: GatedWeights): Tensor {
  const hidden = state.cols;
  const fromInput = linear(x, weights.input, weights.inputBias);
  const fromState = linear(state, weights.state, weights.stateBias);
  const part = (of: Tensor, number: number) => columns(of, number * hidden, (number + 1) * hidden);
  const gate = (number: number) => sigmoid(add(part(fromInput, number), part(fromState, number)));
  const fresh = tanh(add(part(fromInput, 2), multiply(gate(0), part(fromState, 2))));
  return add(fresh, multiply(gate(1), subtract(state, fresh)));
}
