/**
 * Scalar twin of assembly/softmax.ts.
 * @module
 */
import { exp, laneSum } from './math.twin.ts';

const f = Math.fround;

/** One row. @param sum  how the terms are added; a test passes another order to see that it shows */
export function softmax(x: Float32Array, sum = laneSum): Float32Array {
  const top = x.reduce((a, b) => Math.max(a, b));
  const terms = x.map((value) => exp(f(value - top)));
  const factor = f(1 / sum(terms.length, (i) => terms[i]!));
  return terms.map((term) => term * factor);
}
