/**
 * What the heads of each kind read, depth by depth. Behind that all of them are alike: residual blocks, and an output layer (head-graph.ts).
 *
 *   medusa      h                                  h: hidden state of the target at the last committed position
 *   hydra       [h, e(x1), ..., e(xi+1)]           e(xj): embedding of the j-th token behind it, x1 being the one that the target itself gives
 *   hydra++     [h', e(x1), ..., e(xi+1)]          h': a decoder layer over the hidden states of all positions
 *   recurrent   [h, s], s = SiLU(W e(xi+1) + U s)  s: zeros before the first token
 *
 * Sources: Cai et al., 2024, arXiv 2401.10774 (Medusa); Ankner et al., 2024, arXiv 2402.05109 (Hydra); Zhang et al., 2024, arXiv 2403.09919 (ReDrafter).
 * @module
 */
import type { HeadConfig, HeadKind, HeadLayout, LinearLayout } from '../../heads/format.ts';
import { ropeFrequencies } from '../../model/form.ts';
import type { Initial, Mask, Tensor } from '../graph.ts';
import { decoderLayer, recurrentCell } from '../layers.ts';
import { concat } from '../operations/elementwise.ts';
import { rmsNorm } from '../operations/norm.ts';
import { ropeTable } from '../operations/rope.ts';

/** What is there to be read: a row for each position of the texts. */
export interface HeadInputs {
  /** (rows, D) */
  readonly hidden: Tensor;
  /** (rows, D) embeddings of the tokens so many positions on; zeros behind the end of a text. */
  embedding(distance: number): Tensor;
  /** Positions see those before them in their text. */
  readonly mask: Mask;
}

export interface KindOptions {
  readonly config: HeadConfig;
  readonly layout: HeadLayout;
  /** Root of the mean square of hidden states: the prefix layer, which ends in a norm, begins by giving them back as they are. */
  readonly hiddenScale: number;
  /** The parameter of a tensor of the layout. */
  parameter(tensor: { readonly name: string; readonly shape: readonly number[] }, initial: Initial): Tensor;
}

/** (rows, width) tensors, one for each depth. Each is written down when it is asked for, so that the head before has gone backward by then. */
type Reads = (inputs: HeadInputs, options: KindOptions) => Generator<Tensor, void>;

export const READS: Readonly<Record<HeadKind, Reads>> = { medusa, hydra, 'hydra++': hydra, recurrent };

function* medusa({ hidden }: HeadInputs, { config }: KindOptions): Generator<Tensor, void> {
  for (let i = 0; i < config.heads; i++) yield hidden;
}

function* hydra(inputs: HeadInputs, options: KindOptions): Generator<Tensor, void> {
  const context = options.layout.prefix ? prefixLayer(inputs, options) : inputs.hidden;
  const path: Tensor[] = [];
  for (let i = 0; i < options.config.heads; i++) {
    path.push(inputs.embedding(i + 1));
    yield concat(context, ...path);
  }
}

/** A decoder layer whose input is hidden states in the place of embeddings, and a norm. */
function prefixLayer({ hidden, mask }: HeadInputs, { config, layout, ...options }: KindOptions): Tensor {
  const { layer, norm } = layout.prefix!;
  const shape = { hidden: config.hidden, ...config.prefix! };
  const rotary = ropeTable(mask, Float32Array.from(ropeFrequencies(shape.ropeTheta, shape.headDim)));
  const place = layer.attentionNorm.name.replace(/\.input_layernorm\.weight$/, '');
  const out = decoderLayer(hidden, place, { shape, mask, rotary, outward: 0 });
  return rmsNorm(out, options.parameter(norm, options.hiddenScale), shape.rmsNormEpsilon);
}

function* recurrent(inputs: HeadInputs, { config, layout, parameter }: KindOptions): Generator<Tensor, void> {
  const { input, state: previous } = layout.cell!;
  // As PyTorch's linear layers begin: uniform, of at most 1 / sqrt(inputs).
  const initial = { deviation: 1 / Math.sqrt(3 * config.hidden) };
  const weights = {
    input: parameter(input.weight, initial),
    state: parameter(previous.weight, initial),
    bias: parameter(previous.bias!, 0),
  };
  let state: Tensor | undefined;
  for (let i = 0; i < config.heads; i++) {
    state = recurrentCell(inputs.embedding(i + 1), state, weights);
    yield concat(inputs.hidden, state);
  }
}

/** Identity on the first columns, zeros behind: a layer that begins by handing on the hidden state that it reads first. */
export function firstColumns({ weight }: LinearLayout): Float32Array {
  const [rows, cols] = weight.shape as [number, number];
  const values = new Float32Array(rows * cols);
  for (let row = 0; row < rows; row++) values[row * cols + row] = 1;
  return values;
}
