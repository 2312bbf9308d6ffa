/**
 * Tree passes beside plain decoding on the same session: the measure of P1. Runs on every runtime.
 * @module
 */
import type { Session } from '../../src/model/session.ts';
import type { DraftTree } from '../../src/tree/draft-tree.ts';
import { firstDifference } from '../numbers.ts';

/** Commits a prompt in pieces. @returns (V,) logits after its last token, copied */
export function prefill(session: Session, prompt: readonly number[], piece = session.maxNodes): Float32Array {
  let last = new Float32Array(0);
  for (let start = 0; start < prompt.length; start += piece) {
    const tokens = Int32Array.from(prompt.slice(start, start + piece));
    const rows = session.forward({ tokens, parents: tokens.map((_, i) => i - 1) }, 'last');
    last = rows.logits(tokens.length - 1).slice();
    session.commit(tokens.map((_, i) => i));
  }
  return last;
}

/** Logits of every node of one tree pass, copied. */
export function treeLogits(session: Session, tree: DraftTree): Float32Array[] {
  const rows = session.forward(tree, 'all');
  return Array.from(tree.tokens, (_, node) => rows.logits(node).slice());
}

/** Logits after each token of a plain decode, one token a pass. */
export function plainLogits(session: Session, tokens: readonly number[]): Float32Array[] {
  return tokens.map((token) => {
    const rows = session.forward({ tokens: Int32Array.of(token), parents: Int32Array.of(-1) }, 'all');
    const logits = rows.logits(0).slice();
    session.commit(Int32Array.of(0));
    return logits;
  });
}

/** Nodes whose logits `verified` differ from plain decoding after the committed positions; shared path prefixes are decoded once. */
export function differingNodes(session: Session, tree: DraftTree, verified = treeLogits(session, tree)): number[] {
  const length = session.length;
  const children = Array.from(tree.tokens, () => [] as number[]);
  for (const [node, parent] of tree.parents.entries()) if (parent >= 0) children[parent]!.push(node);
  const differing: number[] = [];
  const visit = (node: number, depth: number) => {
    session.truncate(length + depth);
    const [plain] = plainLogits(session, [tree.tokens[node]!]);
    if (firstDifference(verified[node]!, plain!) !== -1) differing.push(node);
    for (const child of children[node]!) visit(child, depth + 1);
  };
  visit(0, 0);
  session.truncate(length);
  return differing;
}
