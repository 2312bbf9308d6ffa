/**
 * The graph of heads in training: teacher forcing on texts whose hidden states the target has computed.
 *
 *   row t of a text x0 x1 ...   reads h_t (and the embeddings of x_t+1 ...)   head i guesses x_t+2+i
 *
 *   ─► head 0 ─► logits ─► ids of the best ─► loss ─► back ─► head 1 ─► ...         one head's logits are in memory at a time
 *
 * All heads begin as the target's own output layer: residual blocks begin as nothing, the layers that read more than a hidden state begin by handing
 * it on.
 * @module
 */
import type { HeadConfig, HeadLayout, LinearLayout, MlpLayout } from '../../heads/format.ts';
import { Graph, type Initial, type Tensor } from '../graph.ts';
import { silu, tanh } from '../operations/activation.ts';
import { add, scale } from '../operations/elementwise.ts';
import { embed } from '../operations/embed.ts';
import { linear } from '../operations/linear.ts';
import { crossEntropy, divergence, type DivergenceOptions } from '../operations/loss.ts';
import { topIds } from '../operations/select.ts';
import { firstColumns, type HeadInputs, READS } from './kinds.ts';

/** What the target's output is imitated by: `text` learns the tokens of the text, the others the target's probabilities behind it. */
export type HeadLoss = 'text' | DivergenceOptions['kind'];
export const HEAD_LOSSES: readonly HeadLoss[] = ['text', 'forward-kl', 'reverse-kl', 'jsd', 'tvd'];

export interface HeadGraphOptions {
  readonly config: HeadConfig;
  readonly layout: HeadLayout;
  /** Texts of a batch, and rows of each. */
  readonly segments: number;
  readonly length: number;
  readonly loss: HeadLoss;
  /** Of the teacher in `jsd`. */
  readonly beta: number;
  /** The loss of head i counts decay^i times. */
  readonly decay: number;
  /** Guesses of each head that are looked at: the ids of its largest logits. */
  readonly ranks: number;
  /** The target's logits are capped by it; 0: they are not. */
  readonly logitCap: number;
  /** What parameters begin from; undefined when only the size of the graph is wanted. */
  readonly from?: HeadBeginnings | undefined;
}

export interface HeadBeginnings {
  /** (V, D) of the target's embedding. */
  readonly embedding: Float32Array;
  /** (V', D) rows of the target's output layer for the tokens that can be guessed. */
  readonly outputRows: Float32Array;
  /** Root of the mean square of hidden states. */
  readonly hiddenScale: number;
}

/** Names of inputs and outputs; those of depth i end in i. */
export const HIDDEN = 'hidden';
export const tokenInput = (distance: number) => `token.${distance}`;
export const labelInput = (i: number) => `label.${i}`;
export const teacherInput = (i: number) => `teacher.${i}`;
export const weightInput = (i: number) => `weight.${i}`;
export const guessOutput = (i: number) => `guess.${i}`;
export const lossName = (i: number) => `loss.${i}`;

/** Frozen parameters, which are no tensors of the head. */
const EMBEDDING = 'target.embedding';
const OUTPUT = 'target.output';

export function headGraph(options: HeadGraphOptions): Graph {
  const { config, layout, segments, length, from } = options;
  const { hidden: width, vocab, draftVocab = vocab } = config;
  const rows = segments * length;
  const graph = new Graph();
  const frozen = (name: string, count: number, initial: Float32Array | undefined) =>
    graph.parameter(name, count, width, { frozen: true, ...(initial && { initial }) });
  const hidden = graph.input(HIDDEN, rows, width);
  const embedding = once(() => frozen(EMBEDDING, vocab, from?.embedding));
  const output = once(() => frozen(OUTPUT, draftVocab, from?.outputRows));

  const parameters = new Map<string, Tensor>();
  const parameter = ({ name, shape }: { name: string; shape: readonly number[] }, initial: Initial): Tensor => {
    const [count, cols] = shape.length === 1 ? [1, shape[0]!] : (shape as [number, number]);
    const made = parameters.get(name) ?? graph.parameter(name, count, cols, { initial });
    parameters.set(name, made);
    return made;
  };
  const inputs: HeadInputs = {
    hidden,
    embedding: (distance) => embed(embedding(), graph.ids(tokenInput(distance), rows, vocab)),
    mask: graph.causal(segments, length),
  };
  const teacher = options.loss === 'text' ? undefined : capped(linear(hidden, output()), options.logitCap);
  const kind = { config, layout, parameter, hiddenScale: from?.hiddenScale ?? 1 };
  let i = 0;
  for (const read of READS[config.kind](inputs, kind)) {
    const mlp = layout.mlps[i] ?? layout.mlps[0]!;
    const logits = mlpLogits(read, mlp, { parameter, output, outputRows: from?.outputRows });
    topIds(guessOutput(i), logits, options.ranks);
    const weights = graph.input(weightInput(i), rows, 1);
    const loss = { name: lossName(i), weights, scale: options.decay ** i };
    if (teacher && options.loss !== 'text') {
      // The target's probabilities for the token that head i guesses are those of a later row of the same text.
      const behind = embed(teacher, graph.ids(teacherInput(i), rows, rows));
      divergence(logits, behind, { ...loss, kind: options.loss, beta: options.beta });
    } else {
      crossEntropy(logits, graph.ids(labelInput(i), rows, draftVocab), loss);
    }
    i++;
  }
  return graph;
}

interface MlpParts {
  parameter(tensor: LinearLayout['weight'], initial: Initial): Tensor;
  /** The target's own output layer. */
  output(): Tensor;
  readonly outputRows: Float32Array | undefined;
}

/** The formula of MlpLayout. */
function mlpLogits(u: Tensor, { residual, update, blocks, output }: MlpLayout, parts: MlpParts): Tensor {
  const apply = (x: Tensor, { weight, bias }: LinearLayout, initial: Initial) =>
    linear(x, parts.parameter(weight, initial), bias && parts.parameter(bias, 0));
  let z = residual ? apply(u, residual, firstColumns(residual)) : u;
  if (update) z = add(z, silu(apply(u, update, 0)));
  for (const block of blocks) z = add(z, silu(apply(z, block, 0)));
  if (!output) return linear(z, parts.output());
  return apply(z, output, parts.outputRows ? widened(parts.outputRows, output) : 0);
}

/** Rows of the target's output layer, and zeros for what a head reads besides a hidden state. */
function widened(rows: Float32Array, { weight }: LinearLayout): Float32Array {
  const [count, cols] = weight.shape as [number, number];
  const width = rows.length / count;
  if (width === cols) return rows;
  const wide = new Float32Array(count * cols);
  for (let row = 0; row < count; row++) wide.set(rows.subarray(row * width, (row + 1) * width), row * cols);
  return wide;
}

/** cap tanh(logits / cap), as Gemma 2 has it. */
function capped(logits: Tensor, cap: number): Tensor {
  return cap > 0 ? scale(tanh(scale(logits, 1 / cap)), cap) : logits;
}

function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
