/**
 * A tree of one vocabulary as a tree of another: each path is decoded to text and encoded anew. What comes out was chosen by rule, so it is verified by an
 * exact draw, or exact match, and changes no token.
 *
 *   drafted      " re" ── "turn" ── " a"         path        " return a"
 *   in target's  " return" ── " a"?              the last token could become another with what follows (" add"): it is offered, as a leaf, for half its score
 *
 * Source of the idea: Timor et al., 2025, arXiv 2502.05202 (string-level exact match); universal assisted generation of Hugging Face transformers.
 * @module
 */
import { encodeMidText } from '../text/mid-text.ts';
import type { TextTokenizer } from '../text/text-tokenizer.ts';
import { type DraftTree, pathTo, scoreAt } from '../tree/draft-tree.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import type { Vocabularies } from './shared-tokens.ts';

/** Share of its score that the last token of a path keeps. */
const LAST = 0.5;

/** Text of a path, and for each of its tokens where in the text it begins. */
interface PathText {
  readonly text: string;
  readonly starts: readonly number[];
  /** The target's id of the special token that ends the path, or -1. */
  readonly end: number;
}

/**
 * @param tree  in the draft model's tokens; its root is not looked at
 * @param root  the target's token at the root
 * @param nodes most nodes of the result, the root included
 */
export function treeByText(tree: DraftTree, root: number, nodes: number, vocabularies: Vocabularies): DraftTree {
  const builder = new TreeBuilder();
  builder.start(root, nodes);
  for (const leaf of leavesOf(tree)) {
    const path = pathTo(tree, leaf).subarray(1);
    const { text, starts, end } = textOfPath(
      Array.from(path, (node) => tree.tokens[node]!),
      vocabularies,
    );
    const scores = Array.from(path, (node) => scoreAt(tree, node));
    const told = tokensOf(text, starts, scores, vocabularies.target, end < 0);
    // A text that the target's tokenizer does not spell as it is.
    if (told.length === 0 && text !== '') continue;
    let node = 0;
    for (const { token, score } of told) {
      node = builder.add(node, token, score);
      if (node < 0) return builder.build();
    }
    if (end >= 0 && builder.add(node, end, scores[starts.length]!) < 0) return builder.build();
  }
  return builder.build();
}

/** Nodes without children, the likeliest path first. */
function leavesOf(tree: DraftTree): number[] {
  const joint = new Float64Array(tree.tokens.length).fill(1);
  for (let node = 1; node < joint.length; node++) joint[node] = joint[tree.parents[node]!]! * scoreAt(tree, node);
  const leaves = Array.from(joint.keys()).filter((node) => node > 0 && !tree.parents.includes(node));
  return leaves.sort((a, b) => joint[b]! - joint[a]! || a - b);
}

/** An unfinished character at the end is left out, and so is what stands behind a special token. */
function textOfPath(tokens: readonly number[], { draft, shared }: Vocabularies): PathText {
  const special = new Set(draft.addedTokens.flatMap((token) => (token.special ? [token.id] : [])));
  const detokenizer = draft.detokenizer();
  let text = '';
  const starts: number[] = [];
  for (const token of tokens) {
    if (special.has(token)) return { text, starts, end: shared.toTarget[token]! };
    starts.push(text.length);
    text += detokenizer.push(token);
  }
  return { text, starts, end: -1 };
}

/** The target's tokens of a text, each with the score of what begins within it. */
function tokensOf(
  text: string,
  starts: readonly number[],
  scores: readonly number[],
  target: TextTokenizer,
  goesOn: boolean,
): { readonly token: number; readonly score: number }[] {
  const ids = text === '' ? undefined : encodeMidText(target, text);
  if (!ids) return [];
  const detokenizer = target.detokenizer();
  let from = 0;
  return Array.from(ids, (token, i) => {
    const to = from + detokenizer.push(token).length;
    let score = goesOn && i === ids.length - 1 ? LAST : 1;
    starts.forEach((start, place) => {
      if (start >= from && start < to) score *= scores[place]!;
    });
    from = to;
    return { token, score };
  });
}
