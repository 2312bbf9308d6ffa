/**
 * RMSNorm and LayerNorm; formulas in assembly/norm.ts and assembly/gradient/norm.ts.
 * @module
 */
import { LAYER_NORM, RMS_NORM } from '../../engine/opcodes.ts';
import { floatBits } from '../../engine/program.ts';
import { expectShape, type Tensor } from '../graph.ts';
import { COLUMN_SUMS, NORM_BACKWARD, NORM_WEIGHT_BACKWARD } from '../opcodes.ts';

/**
 * weight * x / sqrt(mean(x²) + epsilon), row by row. The norm of heads is that of a view with a row for each.
 * @param x      (rows, dim), dim a multiple of 4
 * @param weight (1, dim), a parameter
 */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  return norm(x, weight, undefined, epsilon);
}

/** weight * (x - mean(x)) / sqrt(variance(x) + epsilon) + bias, row by row. @param bias (1, dim), a parameter */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  return norm(x, weight, bias, epsilon);
}

/** One with a bias is centred, too. */
function norm(x: Tensor, weight: Tensor, bias: Tensor | undefined, epsilon: number): Tensor {
  const { rows, cols: dim } = x;
  for (const vector of [weight, ...(bias ? [bias] : [])]) {
    expectShape(vector.rows === 1 && vector.cols === dim, `a norm's vector of ${vector.size} for rows of ${dim}`);
  }
  expectShape(dim % 4 === 0, `a norm of rows of ${dim}: expected a multiple of 4`);
  return x.graph.apply(
    {
      inputs: bias ? [x, weight, bias] : [x, weight],
      reads: [x, weight],
      // The statistics of each row, which one op leaves for the next.
      scratchBytes: () => rows * 8,
      forward(write, out) {
        const sizes = [rows, dim, floatBits(epsilon)];
        if (bias) write.push(LAYER_NORM, write.at(out), write.at(x), write.at(weight), write.at(bias), ...sizes);
        else write.push(RMS_NORM, write.at(out), write.at(x), write.at(weight), ...sizes);
      },
      backward(write, out) {
        const dy = write.gradient(out);
        const { address, keep } = write.into(x);
        const operands = [write.at(x), write.at(weight), dy, write.scratch, rows, dim, floatBits(epsilon)];
        write.push(NORM_BACKWARD, address, keep, ...operands, bias ? 1 : 0);
        if (weight.trained) {
          write.push(NORM_WEIGHT_BACKWARD, write.onto(weight), write.at(x), dy, write.scratch, rows, dim);
        }
        if (bias?.trained) write.push(COLUMN_SUMS, write.onto(bias), dy, rows, dim);
      },
    },
    rows,
    dim,
  );
}
