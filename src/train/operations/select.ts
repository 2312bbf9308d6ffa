/**
 * What a row guesses: the ids of its largest numbers, without their copy leaving the memory.
 * @module
 */
import { outOfRange } from '../../check-options.ts';
import { ARGMAX, TOP_K } from '../../engine/opcodes.ts';
import type { Tensor } from '../graph.ts';

/** Insertion is how the kernel sorts. */
const MOST = 64;

/**
 * Names the ids of the k largest numbers of each row, best first, to be read after a batch: `trainer.readIds(name)`, (rows, k). Written before the loss of
 * the same logits, it does not keep them from being written over.
 */
export function topIds(name: string, x: Tensor, k = 1): void {
  const { rows, cols, graph } = x;
  const most = Math.min(MOST, cols);
  if (!(Number.isInteger(k) && k >= 1 && k <= most)) throw outOfRange('k', `an integer, 1..${most}`, k);
  const ids = graph.apply(
    {
      inputs: [x],
      reads: [],
      forward(write, out) {
        if (k === 1) write.push(ARGMAX, write.at(out), write.at(x), rows, cols);
        else write.push(TOP_K, write.at(out), write.at(x), rows, cols, k);
      },
      backward() {}, // nothing depends on it
    },
    rows,
    k,
  );
  graph.output(name, ids);
}
