/**
 * Every operation of training as a small example, with its twin.
 * @module
 */
import { gatedCell, recurrentCell } from '../../src/train/layers.ts';
import { gelu, geluTanh, sigmoid, silu, tanh } from '../../src/train/operations/activation.ts';
import { attention } from '../../src/train/operations/attention.ts';
import * as elementwise from '../../src/train/operations/elementwise.ts';
import { embed } from '../../src/train/operations/embed.ts';
import { linear } from '../../src/train/operations/linear.ts';
import * as losses from '../../src/train/operations/loss.ts';
import { layerNorm, rmsNorm } from '../../src/train/operations/norm.ts';
import { type Pairing, rope, ropeTable } from '../../src/train/operations/rope.ts';
import type { Example } from './differences.ts';
import * as twin from './operations.twin.ts';

const IDS = [3, 0, 3, -1, 6, 3];
const EPSILON = 1e-5;

/** y = x Wᵀ + b of sizes that fill no tile, or of one that does. */
const linearOf = (rows: number, inDim: number, outDim: number, bias: boolean): Example => ({
  parameters: { x: [rows, inDim], weight: [outDim, inDim], ...(bias && { bias: [1, outDim] as const }) },
  build: (_, { x, weight, bias }) => linear(x!, weight!, bias),
  twin: ({ x, weight, bias }) => twin.linear(x!, weight!, bias),
});

const ropeOf = (pairing: Pairing): Example => {
  const frequencies = [1, 0.5, 0.25, 0.125];
  const positions = [0, 5, 1, 700, 3];
  return {
    parameters: { x: [5, 24] },
    batch: { positions },
    build: (graph, { x }) =>
      rope(x!, ropeTable(graph.ids('positions', 5, 1000), Float32Array.from(frequencies)), { headDim: 12, pairing }),
    twin: ({ x }) => twin.rope(x!, positions, frequencies, 12, pairing),
  };
};

/**
 * Two segments of seven rows:    0               0       5
 *                              ┌─┼───┐           │       │
 *                              1 2   5           1       6
 *                              │ └┐              │
 *                              3  4              2
 *                              │                 │
 *                              6                 3, 4 as siblings
 */
export const TREE_PARENTS = [-1, 0, 0, 1, 2, 0, 3, ...[-1, 0, 1, 2, 2, -1, 5]];

const attentionOf = (heads: number, kvHeads: number, tree: boolean): Example => {
  const headDim = 8;
  const parents = tree ? TREE_PARENTS : [...[-1, 0, 1, 2, 3, 4, 5], ...[-1, 0, 1, 2, 3, 4, 5]];
  return {
    parameters: { q: [14, heads * headDim], k: [14, kvHeads * headDim], v: [14, kvHeads * headDim] },
    ...(tree && { batch: { parents } }),
    build: (graph, { q, k, v }) =>
      attention(q!, k!, v!, tree ? graph.tree('parents', 2, 7) : graph.causal(2, 7), { headDim }),
    twin: ({ q, k, v }) => twin.attention(q!, k!, v!, parents, 7, headDim, 1 / Math.sqrt(headDim)),
  };
};

const ACTIVATIONS = { silu, gelu, geluTanh, sigmoid, tanh };

const activationOf = (name: keyof typeof twin.ACTIVATIONS, gate: boolean): Example => ({
  parameters: { x: [9, 68], ...(gate && { up: [9, 68] as const }) },
  build: (_, { x, up }) => ACTIVATIONS[name](x!, up),
  twin: ({ x, up }) => twin.activate(twin.ACTIVATIONS[name], x!, up),
});

const ROWS = 6;
const VOCAB = 13;
const WEIGHTS = Float32Array.of(0.5, 1, 0, 2, 0.25, 1);
const LABELS = [3, 0, 4, -1, 12, 7];

const crossEntropyOf = (weighted: boolean): Example => ({
  parameters: { logits: [ROWS, VOCAB] },
  batch: { labels: LABELS },
  build(graph, { logits }) {
    const weights = weighted ? { weights: graph.constant(ROWS, 1, WEIGHTS), scale: 3 } : {};
    losses.crossEntropy(logits!, graph.ids('labels', ROWS, VOCAB), weights);
    return undefined;
  },
  twin: ({ logits }) =>
    twin.crossEntropy(logits!, LABELS, weighted ? [...WEIGHTS].map((w) => 3 * w) : Array(ROWS).fill(1 / ROWS)),
});

/** Numbers that repeat: a teacher's logits, or what differences are taken from. */
const pattern = (n: number) => Float32Array.from({ length: n }, (_, i) => (((i * 7919) % 101) - 50) / 20);

const divergenceOf = (kind: twin.Kind, beta: number, width = VOCAB): Example => ({
  parameters: { logits: [ROWS, width] },
  deviation: 2,
  build(graph, { logits }) {
    const teacher = graph.constant(ROWS, width, pattern(ROWS * width));
    const weights = graph.constant(ROWS, 1, WEIGHTS);
    losses.divergence(logits!, teacher, { kind, beta, weights });
    return undefined;
  },
  twin({ logits }) {
    const values = pattern(ROWS * width);
    const teacher = twin.matrix(ROWS, width, (r, c) => values[r * width + c]!);
    return twin.divergence(logits!, teacher, kind, beta, [...WEIGHTS]);
  },
});

/** A tensor with several uses, one of them twice in an operation, and two losses on one tensor. */
const shared: Example = {
  parameters: { x: [6, 8], weight: [8, 8] },
  batch: { labels: [1, 2, 3, 4, 5, -1] },
  build(graph, { x, weight }) {
    const y = linear(x!, weight!);
    const z = elementwise.add(elementwise.multiply(y, y), silu(y, x!));
    const again = linear(z, weight!);
    losses.crossEntropy(again, graph.ids('labels', 6, 8), { scale: 0.5 });
    losses.smoothL1(again, graph.constant(6, 8, pattern(48)), { scale: 2 });
    losses.smoothL1(elementwise.add(y, y), graph.constant(6, 8, pattern(48)), { name: 'second' });
    return undefined;
  },
  twin({ x, weight }) {
    const y = twin.linear(x!, weight!);
    const z = twin.combine(twin.multiply(y, y), 1, twin.activate(twin.ACTIVATIONS.silu, y, x!), 1);
    const again = twin.linear(z, weight!);
    const values = pattern(48);
    const target = twin.matrix(6, 8, (r, c) => values[r * 8 + c]!);
    return (
      0.5 * twin.crossEntropy(again, [1, 2, 3, 4, 5, -1], Array(6).fill(1 / 6)) +
      2 * twin.smoothL1(again, target, 1, Array(6).fill(1 / 6)) +
      twin.smoothL1(twin.combine(y, 1, y, 1), target, 1, Array(6).fill(1 / 6))
    );
  },
};

const normOf = (bias: boolean): Example => ({
  parameters: { x: [5, 36], weight: [1, 36], ...(bias && { bias: [1, 36] as const }) },
  build: (_, { x, weight, bias }) => (bias ? layerNorm(x!, weight!, bias, EPSILON) : rmsNorm(x!, weight!, EPSILON)),
  twin: ({ x, weight, bias }) => twin.norm(x!, weight!, bias, EPSILON),
});

export const EXAMPLES: Readonly<Record<string, Example>> = {
  'linear, 1 x 1 of 1': linearOf(1, 1, 1, false),
  'linear, 5 x 3 of 7, with a bias': linearOf(5, 7, 3, true),
  'linear, 8 x 16 of 12': linearOf(8, 12, 16, false),
  'linear, square': linearOf(16, 16, 16, true),
  'linear over several blocks': linearOf(70, 300, 270, true),
  embedding: {
    parameters: { table: [7, 20] },
    batch: { ids: IDS },
    build: (graph, { table }) => embed(table!, graph.ids('ids', 6, 7), { scale: 1.5 }),
    twin: ({ table }) => twin.embed(table!, IDS, 1.5),
  },
  'rows chosen of a product': {
    parameters: { x: [7, 4], weight: [8, 4] },
    batch: { ids: IDS },
    build: (graph, { x, weight }) => embed(linear(x!, weight!), graph.ids('ids', 6, 7)),
    twin: ({ x, weight }) => twin.embed(twin.linear(x!, weight!), IDS),
  },
  RMSNorm: normOf(false),
  LayerNorm: normOf(true),
  'RMSNorm of heads': {
    parameters: { x: [3, 24], weight: [1, 8] },
    build: (_, { x, weight }) =>
      elementwise.reshape(rmsNorm(elementwise.reshape(elementwise.scale(x!, 2), 9, 8), weight!, EPSILON), 3, 24),
    twin: ({ x, weight }) =>
      twin.reshape(twin.norm(twin.reshape(twin.combine(x!, 2), 9, 8), weight!, undefined, EPSILON), 3, 24),
  },
  'RoPE, halves, part of a head': ropeOf('halves'),
  'RoPE, interleaved': ropeOf('interleaved'),
  'attention, causal, one head': attentionOf(1, 1, false),
  'attention, causal, grouped': attentionOf(6, 2, false),
  'attention, trees, grouped': attentionOf(6, 3, true),
  'attention, trees, as many heads': attentionOf(2, 2, true),
  ...Object.fromEntries(
    (Object.keys(twin.ACTIVATIONS) as (keyof typeof twin.ACTIVATIONS)[]).flatMap((name) => [
      [name, activationOf(name, false)],
      [`${name} as a gate`, activationOf(name, true)],
    ]),
  ),
  'a sum with factors': {
    parameters: { a: [5, 7], b: [5, 7] },
    build: (_, { a, b }) => elementwise.combine(a!, 0.5, b!, -3),
    twin: ({ a, b }) => twin.combine(a!, 0.5, b!, -3),
  },
  'a product of elements': {
    parameters: { a: [5, 8], b: [5, 8] },
    build: (_, { a, b }) => elementwise.multiply(a!, b!),
    twin: ({ a, b }) => twin.multiply(a!, b!),
  },
  'concat and columns': {
    parameters: { a: [4, 5], b: [4, 3], c: [4, 8] },
    build(_, { a, b, c }) {
      const joined = elementwise.concat(elementwise.scale(a!, 2), b!, c!, b!);
      return elementwise.concat(elementwise.columns(joined, 3, 12), elementwise.columns(joined, 0, 7));
    },
    twin({ a, b, c }) {
      const joined = twin.concat(twin.combine(a!, 2), b!, c!, b!);
      return twin.concat(twin.columns(joined, 3, 12), twin.columns(joined, 0, 7));
    },
  },
  'a gated cell': {
    parameters: {
      ...{ x: [5, 6], state: [5, 8], weight: [24, 6], bias: [1, 24], stateWeight: [24, 8], stateBias: [1, 24] },
    },
    build: (_, { x, state, weight, bias, stateWeight, stateBias }) =>
      gatedCell(x!, state!, { input: weight!, inputBias: bias!, state: stateWeight!, stateBias: stateBias! }),
    twin({ x, state, weight, bias, stateWeight, stateBias }) {
      const [a, b] = [twin.linear(x!, weight!, bias), twin.linear(state!, stateWeight!, stateBias)];
      const { sigmoid, tanh } = twin.ACTIVATIONS;
      return twin.matrix(5, 8, (r, i) => {
        const [reset, keep] = [i, 8 + i].map((col) => sigmoid(twin.at(a, r, col) + twin.at(b, r, col)));
        const fresh = tanh(twin.at(a, r, 16 + i) + reset! * twin.at(b, r, 16 + i));
        return (1 - keep!) * fresh + keep! * twin.at(state!, r, i);
      });
    },
  },
  'a recurrent cell, three steps': {
    parameters: { x: [5, 6], weight: [8, 6], stateWeight: [8, 8], bias: [1, 8] },
    build(_, { x, weight, stateWeight, bias }) {
      const weights = { input: weight!, state: stateWeight!, bias: bias! };
      const first = recurrentCell(x!, undefined, weights);
      return recurrentCell(x!, recurrentCell(x!, first, weights), weights);
    },
    twin({ x, weight, stateWeight, bias }) {
      let state = twin.matrix(5, 8, () => 0);
      for (let step = 0; step < 3; step++) {
        const sum = twin.combine(twin.linear(x!, weight!), 1, twin.linear(state, stateWeight!, bias), 1);
        state = twin.activate(twin.ACTIVATIONS.silu, sum);
      }
      return state;
    },
  },
  'cross-entropy': crossEntropyOf(false),
  'cross-entropy with weights': crossEntropyOf(true),
  'forward KL': divergenceOf('forward-kl', 0.5),
  'reverse KL': divergenceOf('reverse-kl', 0.5),
  'JSD(0.5)': divergenceOf('jsd', 0.5),
  'JSD(0.1)': divergenceOf('jsd', 0.1),
  'JSD(0.9), a wide row': divergenceOf('jsd', 0.9, 300),
  TVD: divergenceOf('tvd', 0.5),
  'smooth L1': {
    parameters: { x: [5, 12] },
    build(graph, { x }) {
      losses.smoothL1(x!, graph.constant(5, 12, pattern(60)), { beta: 0.7 });
      return undefined;
    },
    twin({ x }) {
      const values = pattern(60);
      return twin.smoothL1(
        x!,
        twin.matrix(5, 12, (r, c) => values[r * 12 + c]!),
        0.7,
        Array(5).fill(1 / 5),
      );
    },
  },
  'tensors with several uses': shared,
};
