/**
 * The check of what a drafter of a user's proposes; loaded where there is one.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { checkTree, type TreeLimits } from '../tree/check-tree.ts';
import type { DraftTree } from '../tree/draft-tree.ts';

/** @throws {ForetokenError} `drafter.tree` when the tree does not fit, with what `checkTree` throws as its cause */
export function checkProposal(drafter: string, tree: DraftTree, limits: TreeLimits): void {
  try {
    checkTree(tree, limits);
  } catch (cause) {
    const message = `drafter ${quote(drafter)} proposed a tree that does not fit: ${(cause as Error).message}`;
    throw new ForetokenError('drafter.tree', message, { cause });
  }
}
