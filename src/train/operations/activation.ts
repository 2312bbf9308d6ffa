/**
 * Activations, with a gate or without; formulas in assembly/gradient/activation.ts.
 * @module
 */
import { expectShape, type Tensor } from '../graph.ts';
import { ACTIVATE, ACTIVATE_BACKWARD, ACTIVATION_CHUNK, GELU_ERF, GELU_TANH, SIGMOID, SILU, TANH } from '../opcodes.ts';

/** x sigmoid(x), times `up` where that is given. */
export const silu = (x: Tensor, up?: Tensor): Tensor => activate(SILU, x, up);

/** x Φ(x), GELU as it is defined, times `up` where that is given. */
export const gelu = (x: Tensor, up?: Tensor): Tensor => activate(GELU_ERF, x, up);

/** The form of GELU by tanh, times `up` where that is given. */
export const geluTanh = (x: Tensor, up?: Tensor): Tensor => activate(GELU_TANH, x, up);

/** 1 / (1 + exp(-x)), times `up` where that is given. */
export const sigmoid = (x: Tensor, up?: Tensor): Tensor => activate(SIGMOID, x, up);

/** tanh x, times `up` where that is given. */
export const tanh = (x: Tensor, up?: Tensor): Tensor => activate(TANH, x, up);

function activate(kind: number, x: Tensor, up: Tensor | undefined): Tensor {
  const { rows, cols, elements } = x;
  expectShape(!up || (up.rows === rows && up.cols === cols), `a gate of ${x.size} for ${up?.size}`);
  expectShape(elements % 4 === 0, `an activation of ${x.size}: expected a multiple of 4`);
  return x.graph.apply(
    {
      inputs: up ? [x, up] : [x],
      reads: up ? [x, up] : [x],
      scratchBytes: (threads) => threads * ACTIVATION_CHUNK * 4,
      forward(write, out) {
        write.push(ACTIVATE, write.at(out), write.at(x), up ? write.at(up) : 0, elements, kind);
      },
      backward(write, out) {
        const dx = write.into(x);
        const dup = up ? write.into(up) : { address: 0, keep: 0 };
        const operands = [write.at(x), up ? write.at(up) : 0, write.gradient(out), elements, kind, write.scratch];
        write.push(ACTIVATE_BACKWARD, dx.address, dx.keep, dup.address, dup.keep, ...operands);
      },
    },
    rows,
    cols,
  );
}
