/**
 * Placement: where arrays lie that are not all alive at once, settled before there is any memory.
 * @module
 */

/** An array that is alive at the times from..to, both included. */
export interface Span {
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
}

/** Arrays begin on cache lines. */
const ALIGNMENT = 64;

/**
 * The largest first, each at the lowest place where it meets no other that is alive when it is. Source of the scheme: Pisarchyk and Lee, "Efficient
 * memory management for deep neural net inference", 2020, arXiv 2001.03288, section 5.2.
 *
 * @returns of each array its offset, and the bytes of all together
 */
export function place(spans: readonly Span[]): { readonly offsets: readonly number[]; readonly bytes: number } {
  const rounded = (bytes: number) => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
  const offsets = new Array<number>(spans.length).fill(0);
  const order = [...spans.keys()].sort((a, b) => spans[b]!.bytes - spans[a]!.bytes || a - b);
  const placed: number[] = []; // in the order of their offsets
  let end = 0;
  for (const index of order) {
    const { bytes, from, to } = spans[index]!;
    let offset = 0;
    for (const other of placed) {
      const span = spans[other]!;
      if (span.from > to || span.to < from) continue;
      if (offset + bytes <= offsets[other]!) break;
      offset = Math.max(offset, offsets[other]! + rounded(span.bytes));
    }
    offsets[index] = offset;
    const after = placed.findIndex((other) => offsets[other]! > offset);
    placed.splice(after < 0 ? placed.length : after, 0, index);
    end = Math.max(end, offset + rounded(bytes));
  }
  return { offsets, bytes: end };
}
