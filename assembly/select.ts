/**
 * The largest of each row: one, or the k largest without sorting the rest. Equal values: the lowest id goes first.
 *
 * Operands of both: ids i32; x (rows, dim) f32 without NaN, any dim of at least 1; rows rowFrom..rowTo - 1 are searched.
 */
import { largest } from './lanes';

/** ids[row] = id of the row's largest value: the maximum first, then the first place that holds it. */
export function argmax(ids: usize, x: usize, dim: i32, rowFrom: i32, rowTo: i32): void {
  for (let row = rowFrom; row < rowTo; row++) {
    const values = x + (<usize>row * dim << 2);
    const top = largest(values, dim);
    const tops = f32x4.splat(top);
    let id = 0;
    while (id + 4 <= dim && !v128.any_true(f32x4.eq(v128.load(values + (<usize>id << 2)), tops))) id += 4;
    while (id + 1 < dim && load<f32>(values + (<usize>id << 2)) != top) id++;
    store<i32>(ids + (<usize>row << 2), id);
  }
}

/** Puts `id` at its place among the `held` sorted ids, which move one place back; equal values stay before it. */
function insert(ids: usize, held: i32, values: usize, id: i32): void {
  const value = load<f32>(values + (<usize>id << 2));
  let place = ids + (<usize>held << 2);
  while (place > ids) {
    const before = load<i32>(place - 4);
    if (load<f32>(values + (<usize>before << 2)) >= value) break;
    store<i32>(place, before);
    place -= 4;
  }
  store<i32>(place, id);
}

/**
 * ids[row] = (k,) ids of the row's k largest values, best first.
 *
 * The first k values are sorted by insertion; from then on four values at once are compared with the last of the list, and
 * only a larger one is inserted. On values in random order that is about k * ln(dim / k) insertions.
 *
 * @param k  1..dim; insertion is meant for k up to 64
 */
export function topK(ids: usize, x: usize, dim: i32, k: i32, rowFrom: i32, rowTo: i32): void {
  for (let row = rowFrom; row < rowTo; row++) {
    const values = x + (<usize>row * dim << 2);
    const list = ids + (<usize>row * k << 2);
    for (let id = 0; id < k; id++) insert(list, id, values, id);

    const last = list + (<usize>(k - 1) << 2);
    let id = k;
    while (id < dim) {
      const worsts = f32x4.splat(load<f32>(values + (<usize>load<i32>(last) << 2)));
      while (id + 4 <= dim && !v128.any_true(f32x4.gt(v128.load(values + (<usize>id << 2)), worsts))) id += 4;
      for (const end = min(id + 4, dim); id < end; id++) {
        const worst = load<f32>(values + (<usize>load<i32>(last) << 2));
        if (load<f32>(values + (<usize>id << 2)) > worst) insert(list, k - 1, values, id);
      }
    }
  }
}
