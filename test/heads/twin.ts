/**
 * Heads in plain f64: the formulas of format.ts written down once more, without kernels, programs or levels.
 * @module
 */
import type { HeadConfig } from '../../src/heads/format.ts';
import type { Weights } from './made-heads.ts';

type Vector = readonly number[];

/** What may be done wrong, to see that the comparison tells. */
export type Fault = 'position before' | 'path one behind' | 'path reversed' | 'level below' | 'state not carried on';

/** The target, as far as a head sees it. */
export interface TwinTarget {
  /** Hidden states behind the last norm, of each position that was read. */
  readonly states: readonly Vector[];
  readonly embedding: (token: number) => Vector;
}

export interface Choice {
  readonly token: number;
  readonly prob: number;
}

/** What may come after a path of tokens from the root down, likeliest first. */
export type ChoicesAfter = (path: readonly number[]) => readonly Choice[];

/** A head after what the target has read. Each path is computed once. */
export function twin(
  config: HeadConfig,
  weights: Weights,
  target: TwinTarget,
  { draftVocab, fault }: { readonly draftVocab?: Int32Array | undefined; readonly fault?: Fault | undefined } = {},
): ChoicesAfter {
  const states = fault === 'position before' ? target.states.slice(0, -1) : target.states;
  const matrices = new Matrices(weights);
  const hidden = config.prefix ? prefixState(matrices, config, states) : states.at(-1)!;
  const logitsAfter = { medusa, hydra, 'hydra++': hydra, recurrent }[config.kind];
  const after: ChoicesAfter = (path) => {
    let tokens = path;
    if (fault === 'path reversed') tokens = path.toReversed();
    if (fault === 'path one behind') tokens = [0, ...path.slice(0, -1)];
    const level = path.length - 1;
    const mlp = fault === 'level below' ? (level + 1) % config.heads : level;
    const logits = logitsAfter(matrices, config, hidden, tokens.map(target.embedding), mlp, fault);
    const most = Math.max(...logits);
    const exponentials = logits.map((logit) => Math.exp(logit - most));
    const total = sum(exponentials);
    return exponentials
      .map((value, id) => ({ token: draftVocab ? draftVocab[id]! : id, prob: value / total }))
      .sort((a, b) => b.prob - a.prob);
  };
  const known = new Map<string, readonly Choice[]>();
  return (path) => {
    const key = path.join();
    if (!known.has(key)) known.set(key, after(path));
    return known.get(key)!;
  };
}

type Logits = (
  matrices: Matrices,
  config: HeadConfig,
  hidden: Vector,
  embeddings: readonly Vector[],
  mlp: number,
  fault: Fault | undefined,
) => Vector;

const medusa: Logits = (m, { layers }, hidden, _embeddings, i) => {
  let z = hidden;
  for (let j = 0; j < layers; j++) z = plus(z, silu(m.linear(`${i}.${j}.linear`, z)));
  return m.linear(`${i}.${layers}`, z);
};

const hydra: Logits = (m, { kind, layers, hidden: width }, hidden, embeddings, i) => {
  const isPlain = kind === 'hydra';
  const name = (j: number) => `hydra_mlp.${i}.${isPlain ? j : 2 * j + 1}`;
  // The head of another level reads another number of tokens: what is missing is zero.
  const u = [hidden, ...embeddings].flat().slice(0, (i + 2) * width);
  while (u.length < (i + 2) * width) u.push(0);
  let z = plus(m.linear(`${name(0)}.res_connection`, u), silu(m.linear(`${name(0)}.linear`, u)));
  for (let j = 1; j < layers; j++) z = plus(z, silu(m.linear(`${name(j)}.linear`, z)));
  return m.linear(`hydra_lm_head.${i}${isPlain ? '' : '.1'}`, z);
};

const recurrent: Logits = (m, { layers, rnn, exitDim, hidden: width }, hidden, embeddings, _i, fault) => {
  let state: Vector = Array(width).fill(0);
  for (const e of embeddings) {
    const before = fault === 'state not carried on' ? Array(width).fill(0) : state;
    state = rnn ? silu(plus(m.linear('rnn_w', e), m.linear('rnn_u', before))) : plus(e, before);
  }
  let z: Vector = [...hidden, ...state];
  if (exitDim !== 2 * width) z = m.linear('input_proj', z);
  for (let l = 0; l < layers; l++) z = plus(z, silu(m.linear(`lm_head.${l}.linear`, z)));
  return m.linear(`lm_head.${layers}`, z);
};

/** The last state of a decoder layer and a norm over hidden states. */
function prefixState(m: Matrices, { prefix }: HeadConfig, states: readonly Vector[]): Vector {
  const { queryHeads, kvHeads, headDim, ropeTheta, rmsNormEpsilon: epsilon } = prefix!;
  const name = (part: string) => `prefix_embeding_layer.${part}`;
  const norm = (x: Vector, part: string) => {
    const scale = 1 / Math.sqrt(sum(x.map((value) => value * value)) / x.length + epsilon);
    return x.map((value, i) => value * scale * m.vector(`${name(part)}.weight`)[i]!);
  };
  const heads = (x: Vector, count: number) =>
    Array.from({ length: count }, (_, head) => x.slice(head * headDim, (head + 1) * headDim));
  const rotate = (x: Vector, position: number): Vector =>
    x.map((value, i) => {
      const half = headDim / 2;
      const angle = position * ropeTheta ** ((-2 * (i % half)) / headDim);
      return i < half
        ? value * Math.cos(angle) - x[i + half]! * Math.sin(angle)
        : value * Math.cos(angle) + x[i - half]! * Math.sin(angle);
    });
  const normed = states.map((state) => norm(state, 'layers.0.input_layernorm'));
  const project = (part: string, x: Vector) => m.linear(name(`layers.0.self_attn.${part}`), x);
  const keys = normed.map((x, p) => heads(project('k_proj', x), kvHeads).map((key) => rotate(key, p)));
  const values = normed.map((x) => heads(project('v_proj', x), kvHeads));
  const last = states.length - 1;
  const attended = heads(project('q_proj', normed[last]!), queryHeads).flatMap((head, h) => {
    const query = rotate(head, last);
    const group = Math.floor((h * kvHeads) / queryHeads);
    const scores = keys.map((key) => sum(key[group]!.map((value, i) => value * query[i]!)) / Math.sqrt(headDim));
    const most = Math.max(...scores);
    const shares = scores.map((score) => Math.exp(score - most));
    const total = sum(shares);
    return head.map((_, i) => sum(shares.map((share, p) => (share / total) * values[p]![group]![i]!)));
  });
  let stream = plus(states[last]!, project('o_proj', attended));
  const x = norm(stream, 'layers.0.post_attention_layernorm');
  const up = m.linear(name('layers.0.mlp.up_proj'), x);
  const gate = silu(m.linear(name('layers.0.mlp.gate_proj'), x)).map((value, i) => value * up[i]!);
  stream = plus(stream, m.linear(name('layers.0.mlp.down_proj'), gate));
  return norm(stream, 'norm');
}

class Matrices {
  readonly #weights: Weights;

  constructor(weights: Weights) {
    this.#weights = weights;
  }

  vector(name: string): Float32Array {
    return this.#weights.get(name)!;
  }

  linear(name: string, x: Vector): Vector {
    const weight = this.#weights.get(`${name}.weight`)!;
    const bias = this.#weights.get(`${name}.bias`);
    const input = Float64Array.from(x);
    const width = input.length;
    const result: number[] = [];
    for (let row = 0; row < weight.length / width; row++) {
      let total = bias ? bias[row]! : 0;
      for (let i = 0; i < width; i++) total += weight[row * width + i]! * input[i]!;
      result.push(total);
    }
    return result;
  }
}

const sum = (x: Vector): number => x.reduce((total, value) => total + value, 0);
const plus = (a: Vector, b: Vector): Vector => a.map((value, i) => value + b[i]!);
const silu = (x: Vector): Vector => x.map((value) => value / (1 + Math.exp(-value)));
