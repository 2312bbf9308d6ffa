/**
 * Reduced draft vocabulary: a head guesses among the most frequent tokens only, so that its output layer, the largest part of it, does not eat the gain.
 * Source: EAGLE-3 (Li et al., 2025, arXiv 2503.01840), for its d2t table.
 * @module
 */

/** Which tokens a head can guess: draft id -> target id, rising, and back. */
export interface DraftVocabulary {
  /** (V',) */
  readonly targetIds: Int32Array;
  /** (V,) -1 for tokens that cannot be guessed. */
  readonly draftIds: Int32Array;
}

/**
 * The `size` most frequent tokens of some texts; of equally frequent ones the lowest. Draft ids rise with target ids, so that ties of logits go to the lowest
 * id of either.
 *
 * @param vocab V, of the target
 */
export function draftVocabulary(texts: readonly Int32Array[], size: number, vocab: number): DraftVocabulary {
  const counts = new Float64Array(vocab);
  for (const text of texts) for (const token of text) counts[token]!++;
  const byCount = Int32Array.from({ length: vocab }, (_, id) => id).sort((a, b) => counts[b]! - counts[a]! || a - b);
  return vocabularyOf(byCount.slice(0, size).sort(), vocab);
}

/** @param targetIds rising */
export function vocabularyOf(targetIds: Int32Array, vocab: number): DraftVocabulary {
  const draftIds = new Int32Array(vocab).fill(-1);
  targetIds.forEach((target, draft) => {
    draftIds[target] = draft;
  });
  return { targetIds, draftIds };
}

/** Rows of a (V, D) matrix, one for each token that can be guessed. */
export function draftRows(matrix: Float32Array, { targetIds, draftIds }: DraftVocabulary): Float32Array {
  const width = matrix.length / draftIds.length;
  const rows = new Float32Array(targetIds.length * width);
  for (const [draft, target] of targetIds.entries()) {
    rows.set(matrix.subarray(target * width, (target + 1) * width), draft * width);
  }
  return rows;
}
