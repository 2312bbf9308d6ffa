/**
 * Rows of a table. Backward: each row's gradient is added where it came from.
 * @module
 */
import { floatBits } from '../../engine/program.ts';
import { expectShape, type Ids, type Tensor } from '../graph.ts';
import { ADD_ROWS, TAKE_ROWS } from '../opcodes.ts';

/**
 * @param table (n, dim): an embedding, or any tensor of which rows are chosen; dim a multiple of 4
 * @param ids   below n; -1 gives a row of zeros
 * @returns (ids.rows, dim)
 */
export function embed(table: Tensor, ids: Ids, { scale = 1 }: { readonly scale?: number } = {}): Tensor {
  const { rows } = ids;
  const dim = table.cols;
  expectShape(ids.limit <= table.rows, `ids below ${ids.limit} for a table of ${table.size}`);
  expectShape(dim % 4 === 0, `a table of ${table.size}: rows of a multiple of 4 are taken`);
  return table.graph.apply(
    {
      inputs: [table],
      reads: [],
      forward(write, out) {
        write.push(TAKE_ROWS, write.at(out), write.at(table), write.at(ids), rows, dim, floatBits(scale));
      },
      backward(write, out) {
        const to = write.onto(table);
        write.push(ADD_ROWS, to, write.gradient(out), write.at(ids), rows, dim, floatBits(scale));
      },
    },
    rows,
    dim,
  );
}
