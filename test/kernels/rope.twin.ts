/**
 * Scalar twin of assembly/rope.ts.
 * @module
 */
import { cosineAndSine } from './math.twin.ts';

const f = Math.fround;

export type Pairing = 'halves' | 'interleaved';

/** One row of the table: half cosines, then half sines, times `scale`. */
export function ropeTable(position: number, frequencies: Float32Array, scale = 1): Float32Array {
  const turns = Array.from(frequencies, (frequency) => cosineAndSine(f(position * frequency)));
  return Float32Array.from([...turns.map(([cosine]) => cosine), ...turns.map(([, sine]) => sine)]).map(
    (value) => value * scale,
  );
}

/** One head turned by one row of the table. */
export function rope(head: Float32Array, table: Float32Array, pairing: Pairing): Float32Array {
  const half = table.length / 2;
  const turned = head.slice();
  for (let i = 0; i < half; i++) {
    const a = pairing === 'halves' ? i : 2 * i;
    const b = pairing === 'halves' ? i + half : 2 * i + 1;
    const [cosine, sine] = [table[i]!, table[half + i]!];
    turned[a] = f(head[a]! * cosine) - f(head[b]! * sine);
    turned[b] = f(head[b]! * cosine) + f(head[a]! * sine);
  }
  return turned;
}
