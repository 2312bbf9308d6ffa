/**
 * y = x Wᵀ + b. Backward: dx = dy W, dW = dyᵀ x, db = the sum of dy over rows.
 * @module
 */
import { expectShape, type Tensor } from '../graph.ts';
import { A_TRANSPOSED, ADD_BIAS, B_TRANSPOSED, COLUMN_SUMS, KEEP, PRODUCT, PRODUCT_SCRATCH } from '../opcodes.ts';

/**
 * @param x      (rows, inDim)
 * @param weight (outDim, inDim), as checkpoints hold it
 * @param bias   (1, outDim), a parameter
 * @returns (rows, outDim)
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const { rows, cols: inDim } = x;
  const outDim = weight.rows;
  expectShape(weight.cols === inDim, `a weight of ${weight.size} for rows of ${inDim}`);
  expectShape(!bias || (bias.rows === 1 && bias.cols === outDim), `a bias of ${bias?.size} for rows of ${outDim}`);
  return x.graph.apply(
    {
      inputs: bias ? [x, weight, bias] : [x, weight],
      reads: [x, weight],
      scratchBytes: (threads) => threads * PRODUCT_SCRATCH,
      forward(write, y) {
        const sizes = [rows, outDim, inDim, outDim, inDim, inDim];
        write.push(PRODUCT, write.at(y), write.at(x), write.at(weight), ...sizes, B_TRANSPOSED, write.scratch);
        if (bias) write.push(ADD_BIAS, write.at(y), write.at(bias), rows, outDim);
      },
      backward(write, y) {
        const dy = write.gradient(y);
        if (x.trained) {
          const { address, keep } = write.into(x);
          const sizes = [rows, inDim, outDim, inDim, outDim, inDim];
          write.push(PRODUCT, address, dy, write.at(weight), ...sizes, keep & KEEP, write.scratch);
        }
        if (weight.trained) {
          const { address, keep } = write.into(weight);
          const sizes = [outDim, inDim, rows, inDim, outDim, inDim];
          write.push(PRODUCT, address, dy, write.at(x), ...sizes, A_TRANSPOSED | (keep & KEEP), write.scratch);
        }
        if (bias?.trained) write.push(COLUMN_SUMS, write.onto(bias), dy, rows, outDim);
      },
    },
    rows,
    outDim,
  );
}
