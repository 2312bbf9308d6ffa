/**
 * Prompt lookup: drafts from the prompt and the output so far. What followed earlier occurrences of the text's last tokens, and what the
 * source of a copy goes on with, is merged into one tree, best first.
 * Source: "Prompt Lookup Decoding", A. Saxena, 2023. Order among occurrences: the longest match, then the newest.
 *
 * The score of a token is the estimate of prediction by partial matching: with n occurrences of a context of some length, v of which were
 * followed by the token, P = (v + c P') / (n + c), where P' is the estimate of the next shorter context and c falls with the length. One long
 * match and many short ones that agree are both trusted; a lone short one is not.
 * @module
 */
import type { DraftTree } from '../tree/draft-tree.ts';
import { takeBest } from '../tree/best-first.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import { CopyCursor, type CopyState } from './copy-cursor.ts';
import type { Drafter, Outlook, StepRecord } from './drafter.ts';
import { TokenIndex, type Match } from './token-index.ts';

/**
 * Context lengths that are told apart, and the weight c of the estimate from shorter contexts beside one occurrence of this one. Solved so that a single
 * occurrence, which also counts in every shorter context, gets 0.33, 0.5, 0.58, 0.64, 0.74, 0.85, 0.91, 0.955 and 0.985: about how
 * often one was right on held-out code.
 */
const CONTEXTS = [1, 2, 3, 4, 6, 9, 16, 32, 64] as const;
const SHORTER_WEIGHT = [2, 3, 5.3, 6, 2.6, 1.4, 1.5, 1, 0.45] as const;
/** LONE[o]: score of a single occurrence with a context of CONTEXTS[o] tokens, the figures above. */
const LONE = SHORTER_WEIGHT.map(() => 0);
SHORTER_WEIGHT.forEach((c, o) => {
  LONE[o] = (1 + c * (LONE[o - 1] ?? 0)) / (1 + c);
});
/** No copy is surer than this, however long it has gone well: the next change comes without warning (measured: 0.992). */
const MOST_SURE = 0.99;
/** Paths less likely than this are not drafted: no machine verifies a node for less. */
const LEAST_JOINT = 0.02;

/** A leaf of the growing tree and what speaks for its continuations. */
interface Leaf {
  readonly node: number;
  readonly depth: number;
  readonly joint: number;
  /** Occurrences whose continuation is the leaf's path. */
  readonly matches: readonly Match[];
  readonly copy: CopyState | undefined;
}

/** A token that may follow a leaf. */
interface Candidate {
  readonly token: number;
  readonly matches: Match[];
  /** votes[o]: what speaks for it with a context of CONTEXTS[o] tokens or more, but not of CONTEXTS[o + 1]. */
  readonly votes: number[];
  copy: CopyState | undefined;
  score: number;
}

export class Lookup implements Drafter {
  readonly name = 'lookup';
  readonly #text: TokenIndex;
  readonly #cursor: CopyCursor;
  readonly #tree = new TreeBuilder();
  /** The newest occurrence of the last two tokens, followed for as long as it goes on as the text does. */
  #match: Match | undefined;

  /** @param context most tokens of prompt and output that the target's cache holds; the output may be one longer */
  constructor(context: number) {
    this.#text = new TokenIndex(context + 1);
    this.#cursor = new CopyCursor(this.#text);
  }

  /** Memory of the drafter, bytes. */
  static bytes(context: number): number {
    return TokenIndex.bytes(context + 1);
  }

  begin(prompt: Int32Array): void {
    this.#text.clear();
    this.#cursor.clear();
    for (const token of prompt) this.#text.append(token);
    this.#match = this.#text.newest();
  }

  outlook(): Outlook | undefined {
    const copy = this.#cursor.state;
    const step = copy && this.#cursor.steps(copy)[0];
    if (step) return { token: step.token, score: step.share * LONE[longestContext(this.#cursor.agreed)]! };
    if (!this.#match) return undefined;
    const { next, length } = this.#match;
    return { token: this.#text.token(next), score: LONE[longestContext(length)]! };
  }

  propose(budget: number): DraftTree {
    const matches = this.#text.matches();
    const best = longest(matches);
    if (best) this.#cursor.offer(best);
    const copy = this.#cursor.state;

    const tree = this.#tree;
    tree.start(this.#text.token(this.#text.length - 1), budget);
    const leaves: Leaf[] = [{ node: 0, depth: 0, joint: 1, matches, copy }];
    while (leaves.length > 0 && !tree.full) this.#grow(takeBest(leaves), leaves);
    return tree.build();
  }

  observe({ emitted }: StepRecord): void {
    for (const token of emitted) {
      this.#follow(token);
      this.#cursor.read();
    }
  }

  #follow(token: number): void {
    const match = this.#match;
    const goesOn = match && this.#text.token(match.next) === token;
    this.#text.append(token);
    this.#match = goesOn ? { next: match.next + 1, length: match.length + 1 } : this.#text.newest();
  }

  /** Adds the children of a leaf, most likely first; they become leaves in turn. */
  #grow(leaf: Leaf, leaves: Leaf[]): void {
    const tree = this.#tree;
    const candidates = this.#candidates(leaf);
    estimate(candidates);
    candidates.sort((a, b) => b.score - a.score);
    for (const { token, matches, copy, score } of candidates) {
      const joint = leaf.joint * score;
      if (joint < LEAST_JOINT || tree.full) return;
      const node = tree.add(leaf.node, token, score);
      leaves.push({ node, depth: leaf.depth + 1, joint, matches, copy });
    }
  }

  #candidates(leaf: Leaf): Candidate[] {
    const candidates: Candidate[] = [];
    if (leaf.copy) {
      const order = longestContext(this.#cursor.agreed + leaf.depth);
      for (const { token, share, state } of this.#cursor.steps(leaf.copy)) {
        const candidate = candidateFor(token, candidates);
        candidate.copy = state;
        candidate.votes[order]! += share;
      }
    }
    for (const match of leaf.matches) {
      const candidate = candidateFor(this.#continuation(leaf, match), candidates);
      candidate.matches.push(match);
      candidate.votes[longestContext(match.length + leaf.depth)]!++;
    }
    return candidates;
  }

  /** The token `depth` places after a match; where the text ends, the drafted path goes on, so that a period repeats itself. */
  #continuation(leaf: Leaf, match: Match): number {
    const beyond = match.next + leaf.depth - this.#text.length;
    if (beyond < 0) return this.#text.token(match.next + leaf.depth);
    return this.#tree.tokenAbove(leaf.node, leaf.depth - 1 - beyond);
  }
}

function candidateFor(token: number, candidates: Candidate[]): Candidate {
  for (const candidate of candidates) if (candidate.token === token) return candidate;
  const candidate = { token, matches: [], votes: CONTEXTS.map(() => 0), copy: undefined, score: 0 };
  candidates.push(candidate);
  return candidate;
}

/** Index of the longest of CONTEXTS that a number of agreeing tokens fills. */
function longestContext(agreed: number): number {
  let order = CONTEXTS.length - 1;
  while (CONTEXTS[order]! > agreed) order--;
  return order;
}

/** Turns votes into scores, from the shortest context to the longest. */
function estimate(candidates: readonly Candidate[]): void {
  // Occurrences of a context are also occurrences of every shorter one.
  for (let order = CONTEXTS.length - 2; order >= 0; order--) {
    for (const { votes } of candidates) votes[order]! += votes[order + 1]!;
  }
  for (let order = 0; order < CONTEXTS.length; order++) {
    let total = 0;
    for (const { votes } of candidates) total += votes[order]!;
    if (total === 0) break;
    const shorter = SHORTER_WEIGHT[order]!;
    for (const candidate of candidates) {
      candidate.score = (candidate.votes[order]! + shorter * candidate.score) / (total + shorter);
    }
  }
  for (const candidate of candidates) candidate.score = Math.min(candidate.score, MOST_SURE);
}

/** The longest match; of equal ones the newest, which comes first. */
function longest(matches: readonly Match[]): Match | undefined {
  return matches.reduce<Match | undefined>(
    (best, match) => (best && best.length >= match.length ? best : match),
    undefined,
  );
}
