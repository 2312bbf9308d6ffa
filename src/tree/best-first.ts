/**
 * Orders by joint score: what trees are grown and pruned by.
 * @module
 */

/**
 * Node numbers, highest joint score first, ties in tree order. A parent never scores below its child and comes before it, so every
 * beginning of this list is a subtree.
 *
 * Insertion sort: for trees of one pass, whose nodes mostly come in falling order, the fastest.
 */
export function bestFirst(joint: Float64Array): Int32Array {
  const order = new Int32Array(joint.length);
  for (let node = 0; node < joint.length; node++) {
    let place = node;
    while (place > 0 && joint[order[place - 1]!]! < joint[node]!) {
      order[place] = order[place - 1]!;
      place--;
    }
    order[place] = node;
  }
  return order;
}

/** Removes and returns the candidate of highest joint score; of equal ones the oldest. The list must not be empty. */
export function takeBest<T extends { readonly joint: number }>(candidates: T[]): T {
  let best = 0;
  for (let i = 1; i < candidates.length; i++) if (candidates[i]!.joint > candidates[best]!.joint) best = i;
  return candidates.splice(best, 1)[0]!;
}
