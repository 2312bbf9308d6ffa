/**
 * Sums, products and other shapes of tensors.
 * @module
 */
import { floatBits } from '../../engine/program.ts';
import { expectShape, Tensor } from '../graph.ts';
import { COMBINE, MULTIPLY } from '../opcodes.ts';

/** a + b */
export const add = (a: Tensor, b: Tensor): Tensor => combine(a, 1, b, 1);

/** a - b */
export const subtract = (a: Tensor, b: Tensor): Tensor => combine(a, 1, b, -1);

/** factor * a */
export const scale = (a: Tensor, factor: number): Tensor => combine(a, factor);

/** alpha a + beta b, of tensors of one shape. */
export function combine(a: Tensor, alpha: number, b?: Tensor, beta = 0): Tensor {
  const { rows, cols } = a;
  expectShape(!b || (b.rows === rows && b.cols === cols), `a sum of ${a.size} and ${b?.size}`);
  const sizes = [rows, cols, cols, cols, cols];
  const [first, second] = [floatBits(alpha), floatBits(beta)];
  return a.graph.apply(
    {
      inputs: b ? [a, b] : [a],
      reads: [],
      forward(write, out) {
        write.push(COMBINE, write.at(out), 0, write.at(a), first, b ? write.at(b) : 0, second, ...sizes);
      },
      backward(write, out) {
        for (const [x, factor] of [[a, first] as const, ...(b ? [[b, second] as const] : [])]) {
          if (!x.trained) continue;
          const { address, keep } = write.into(x);
          write.push(COMBINE, address, keep, write.gradient(out), factor, 0, 0, ...sizes);
        }
      },
    },
    rows,
    cols,
  );
}

/** a * b, element by element: gates, and dropout by a mask that a batch gives. */
export function multiply(a: Tensor, b: Tensor): Tensor {
  const { rows, cols, elements } = a;
  expectShape(b.rows === rows && b.cols === cols, `a product of ${a.size} and ${b.size}, element by element`);
  expectShape(elements % 4 === 0, `a product of ${a.size}, element by element: expected a multiple of 4`);
  return a.graph.apply(
    {
      inputs: [a, b],
      reads: [a, b],
      forward(write, out) {
        write.push(MULTIPLY, write.at(out), 0, write.at(a), write.at(b), elements);
      },
      backward(write, out) {
        for (const [x, other] of [[a, b] as const, [b, a] as const]) {
          if (!x.trained) continue;
          const { address, keep } = write.into(x);
          write.push(MULTIPLY, address, keep, write.gradient(out), write.at(other), elements);
        }
      },
    },
    rows,
    cols,
  );
}

/** Tensors of equally many rows, side by side, the first on the left. */
export function concat(...parts: readonly [Tensor, ...Tensor[]]): Tensor {
  const { rows, graph } = parts[0];
  const cols = parts.reduce((sum, part) => sum + part.cols, 0);
  for (const part of parts) expectShape(part.rows === rows, `${part.size} beside ${parts[0].size}`);
  let left = 0;
  const places = parts.map((part) => {
    const place = { part, offset: left * 4 };
    left += part.cols;
    return place;
  });
  return graph.apply(
    {
      inputs: parts,
      reads: [],
      forward(write, out) {
        for (const { part, offset } of places) {
          const sizes = [rows, part.cols, cols, part.cols, 0];
          write.push(COMBINE, write.at(out) + offset, 0, write.at(part), floatBits(1), 0, 0, ...sizes);
        }
      },
      backward(write, out) {
        for (const { part, offset } of places) {
          if (!part.trained) continue;
          const { address, keep } = write.into(part);
          const sizes = [rows, part.cols, part.cols, cols, 0];
          write.push(COMBINE, address, keep, write.gradient(out) + offset, floatBits(1), 0, 0, ...sizes);
        }
      },
    },
    rows,
    cols,
  );
}

/** Columns from..to - 1. */
export function columns(x: Tensor, from: number, to: number): Tensor {
  const { rows, cols } = x;
  expectShape(from >= 0 && from < to && to <= cols, `columns ${from}..${to - 1} of ${x.size}`);
  const width = to - from;
  return x.graph.apply(
    {
      inputs: [x],
      reads: [],
      forward(write, out) {
        write.push(COMBINE, write.at(out), 0, write.at(x) + from * 4, floatBits(1), 0, 0, rows, width, width, cols, 0);
      },
      backward(write, out) {
        const address = write.onto(x) + from * 4;
        const sizes = [rows, width, cols, width, 0];
        write.push(COMBINE, address, -1, write.gradient(out), floatBits(1), 0, 0, ...sizes);
      },
    },
    rows,
    width,
  );
}

/** The same numbers in other rows: a head a row, for the norm of heads, and back. */
export function reshape(x: Tensor, rows: number, cols: number): Tensor {
  expectShape(rows * cols === x.elements, `${x.size} as ${rows} x ${cols}`);
  return new Tensor(x.graph, rows, cols, { base: x, trained: x.trained });
}
