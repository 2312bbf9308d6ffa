/**
 * Twins of the operations of training: forward only, in f64, one number after the other, straight from the formulas. What must come back through an
 * operation is found from them by differences.
 * @module
 */

/** (rows, cols) f64, row by row. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly values: Float64Array;
}

export function matrix(rows: number, cols: number, element: (row: number, col: number) => number): Matrix {
  const values = new Float64Array(rows * cols);
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) values[row * cols + col] = element(row, col);
  }
  return { rows, cols, values };
}

export const at = ({ cols, values }: Matrix, row: number, col: number): number => values[row * cols + col]!;

const sum = (n: number, term: (i: number) => number): number => {
  let total = 0;
  for (let i = 0; i < n; i++) total += term(i);
  return total;
};

export const linear = (x: Matrix, weight: Matrix, bias?: Matrix): Matrix =>
  matrix(
    x.rows,
    weight.rows,
    (r, o) => sum(x.cols, (i) => at(x, r, i) * at(weight, o, i)) + (bias ? at(bias, 0, o) : 0),
  );

export const embed = (table: Matrix, ids: readonly number[], scale = 1): Matrix =>
  matrix(ids.length, table.cols, (r, i) => (ids[r]! < 0 ? 0 : at(table, ids[r]!, i) * scale));

export function norm(x: Matrix, weight: Matrix, bias: Matrix | undefined, epsilon: number): Matrix {
  const mean = (r: number) => (bias ? sum(x.cols, (i) => at(x, r, i)) / x.cols : 0);
  const means = Array.from({ length: x.rows }, (_, r) => mean(r));
  const factors = means.map((m, r) => 1 / Math.sqrt(sum(x.cols, (i) => (at(x, r, i) - m) ** 2) / x.cols + epsilon));
  return matrix(
    x.rows,
    x.cols,
    (r, i) => (at(x, r, i) - means[r]!) * factors[r]! * at(weight, 0, i) + (bias ? at(bias, 0, i) : 0),
  );
}

export function rope(
  x: Matrix,
  positions: readonly number[],
  frequencies: readonly number[],
  headDim: number,
  pairing: 'halves' | 'interleaved',
): Matrix {
  const half = frequencies.length;
  return matrix(x.rows, x.cols, (r, col) => {
    const head = Math.floor(col / headDim) * headDim;
    const i = col - head;
    if (i >= 2 * half) return at(x, r, col);
    const pair = pairing === 'halves' ? i % half : Math.floor(i / 2);
    const first = pairing === 'halves' ? pair : 2 * pair;
    const second = pairing === 'halves' ? pair + half : 2 * pair + 1;
    const angle = positions[r]! * frequencies[pair]!;
    const [a, b] = [at(x, r, head + first), at(x, r, head + second)];
    return i === first ? a * Math.cos(angle) - b * Math.sin(angle) : b * Math.cos(angle) + a * Math.sin(angle);
  });
}

/** @param parents of each row in its segment, -1 for a root */
export function attention(
  q: Matrix,
  k: Matrix,
  v: Matrix,
  parents: readonly number[],
  rows: number,
  headDim: number,
  scale: number,
): Matrix {
  const group = q.cols / k.cols;
  return matrix(q.rows, q.cols, (r, col) => {
    const first = r - (r % rows);
    const path: number[] = [];
    for (let node = r - first; node >= 0; node = parents[first + node]!) path.push(first + node);
    const head = Math.floor(col / headDim);
    const kvHead = Math.floor(head / group);
    const scores = path.map(
      (t) => scale * sum(headDim, (d) => at(q, r, head * headDim + d) * at(k, t, kvHead * headDim + d)),
    );
    const top = Math.max(...scores);
    const terms = scores.map((score) => Math.exp(score - top));
    const total = terms.reduce((a, b) => a + b);
    return sum(path.length, (j) => (terms[j]! / total) * at(v, path[j]!, kvHead * headDim + (col % headDim)));
  });
}

/** erf by its series, which converges for every x; enough terms for |x| below 5. */
function erf(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; n < 120; n++) {
    term *= -(x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

export const ACTIVATIONS = {
  silu: (x: number) => x / (1 + Math.exp(-x)),
  gelu: (x: number) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  geluTanh: (x: number) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  tanh: (x: number) => Math.tanh(x),
} as const;

export const activate = (f: (x: number) => number, x: Matrix, up?: Matrix): Matrix =>
  matrix(x.rows, x.cols, (r, i) => f(at(x, r, i)) * (up ? at(up, r, i) : 1));

export const combine = (a: Matrix, alpha: number, b?: Matrix, beta = 0): Matrix =>
  matrix(a.rows, a.cols, (r, i) => alpha * at(a, r, i) + (b ? beta * at(b, r, i) : 0));

export const multiply = (a: Matrix, b: Matrix): Matrix => matrix(a.rows, a.cols, (r, i) => at(a, r, i) * at(b, r, i));

export const columns = (x: Matrix, from: number, to: number): Matrix =>
  matrix(x.rows, to - from, (r, i) => at(x, r, from + i));

export function concat(...parts: Matrix[]): Matrix {
  const starts = parts.map((_, n) => parts.slice(0, n).reduce((width, { cols }) => width + cols, 0));
  return matrix(
    parts[0]!.rows,
    parts.reduce((width, { cols }) => width + cols, 0),
    (r, col) => {
      const n = starts.findLastIndex((start) => start <= col);
      return at(parts[n]!, r, col - starts[n]!);
    },
  );
}

export const reshape = ({ values }: Matrix, rows: number, cols: number): Matrix => ({ rows, cols, values });

function logSoftmax(z: Matrix, row: number): number[] {
  const values = Array.from({ length: z.cols }, (_, i) => at(z, row, i));
  const top = Math.max(...values);
  const total = Math.log(values.reduce((all, value) => all + Math.exp(value - top), 0)) + top;
  return values.map((value) => value - total);
}

/** The sum over rows; weights as an operation has them. */
export const crossEntropy = (z: Matrix, labels: readonly number[], weights: readonly number[]): number =>
  sum(z.rows, (r) => (labels[r]! < 0 || weights[r] === 0 ? 0 : -weights[r]! * logSoftmax(z, r)[labels[r]!]!));

export type Kind = 'forward-kl' | 'reverse-kl' | 'jsd' | 'tvd';

export function divergenceOf(kind: Kind, beta: number, lnP: readonly number[], lnQ: readonly number[]): number {
  const terms = lnP.map((a, i) => {
    const [p, q, b] = [Math.exp(a), Math.exp(lnQ[i]!), lnQ[i]!];
    if (kind === 'forward-kl') return p * (a - b);
    if (kind === 'reverse-kl') return q * (b - a);
    if (kind === 'tvd') return Math.abs(p - q) / 2;
    const m = Math.log(beta * p + (1 - beta) * q);
    return beta * p * (a - m) + (1 - beta) * q * (b - m);
  });
  return terms.reduce((a, b) => a + b);
}

export const divergence = (z: Matrix, teacher: Matrix, kind: Kind, beta: number, weights: readonly number[]): number =>
  sum(z.rows, (r) => weights[r]! * divergenceOf(kind, beta, logSoftmax(teacher, r), logSoftmax(z, r)));

export const smoothL1 = (x: Matrix, y: Matrix, beta: number, weights: readonly number[]): number =>
  sum(x.rows, (r) => {
    const terms = sum(x.cols, (i) => {
      const gap = Math.abs(at(x, r, i) - at(y, r, i));
      return gap < beta ? gap ** 2 / (2 * beta) : gap - beta / 2;
    });
    return (weights[r]! * terms) / x.cols;
  });
