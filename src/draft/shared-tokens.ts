/**
 * Tokens that two vocabularies have in common: those that spell the same bytes, and special tokens of the same name.
 *
 * A draft model of another vocabulary draws from its distribution restricted to them and renormalised (token-level intersection). What is told as q is that
 * very distribution, so that every rule that compares it with p stays as lossless as it is.
 * Source of the idea: Timor et al., "Accelerating LLM Inference with Lossless Speculative Decoding Algorithms for Heterogeneous Vocabularies", 2025,
 * arXiv 2502.05202 (token-level intersection).
 * @module
 */
import type { TextTokenizer } from '../text/text-tokenizer.ts';
import { textOf } from '../text/mid-text.ts';
import { normalise } from '../verify/rule.ts';

export interface SharedTokens {
  /** (V of the draft model,) id of the target's token that is the same, or -1; the target's token may have several. */
  readonly toTarget: Int32Array;
  /** (V of the target,) id of the draft model's token that is the same, or -1. */
  readonly toDraft: Int32Array;
  /** Tokens of the target that the draft model has. */
  readonly count: number;
  /** Whether every id that is a token of both is the same token of both: they differ in what was added to them, or in padding, at most. */
  readonly sameIds: boolean;
}

/** Two tokenizers, and what they have in common. */
export interface Vocabularies {
  readonly draft: TextTokenizer;
  readonly target: TextTokenizer;
  readonly shared: SharedTokens;
}

/** @param vocab sizes of the models, which may be larger than their tokenizers' */
export function sharedTokens(
  draft: TextTokenizer,
  target: TextTokenizer,
  vocab: { readonly draft: number; readonly target: number },
): SharedTokens {
  const [ours, theirs] = [spellings(draft, vocab.draft), spellings(target, vocab.target)];
  if (ours.length === theirs.length && ours.every((spelling, id) => spelling === theirs[id]))
    return sameVocabulary(ours.length);
  // Of tokens that spell the same the last one: single characters stand behind the tokens of bytes in SentencePiece's vocabularies.
  const idOf = (all: readonly (string | undefined)[]) => new Map(all.map((spelling, id) => [spelling, id]));
  const [draftId, targetId] = [idOf(ours), idOf(theirs)];
  const matched = (from: readonly (string | undefined)[], to: ReadonlyMap<string | undefined, number>) =>
    Int32Array.from(from, (spelling) => (spelling === undefined ? -1 : (to.get(spelling) ?? -1)));
  const [toTarget, toDraft] = [matched(ours, targetId), matched(theirs, draftId)];
  const agrees = (id: number) => ours[id] === theirs[id] || ours[id] === undefined || theirs[id] === undefined;
  const sameIds = ours.every((_, id) => id >= theirs.length || agrees(id));
  if (sameIds) {
    // Tokens that are there twice, and those that spell no whole character, are themselves.
    for (let id = 0; id < Math.min(ours.length, theirs.length); id++) {
      if (ours[id] === theirs[id]) toTarget[id] = toDraft[id] = id;
    }
  }
  return { toTarget, toDraft, count: toDraft.reduce((count, id) => count + Number(id >= 0), 0), sameIds };
}

/** Models that share all their ids, though nothing is known of their texts. */
export function sameVocabulary(vocab: number): SharedTokens {
  const ids = Int32Array.from({ length: vocab }, (_, id) => id);
  return { toTarget: ids, toDraft: ids, count: vocab, sameIds: true };
}

/**
 * A distribution over the draft model's tokens, restricted to shared ones and renormalised.
 *
 * @param weights (V of the draft model,) 0 or more, in any scale
 * @param into    (V of the target,) overwritten; sums to 1 afterwards
 * @returns false when no shared token has any weight; then `into` is all 0
 */
export function restrict(weights: Float64Array, { toTarget }: SharedTokens, into: Float64Array): boolean {
  into.fill(0);
  for (let id = 0; id < weights.length; id++) {
    const target = toTarget[id]!;
    if (target >= 0) into[target]! += weights[id]!;
  }
  return normalise(into);
}

/** (vocab,) what tells each token: its bytes, or that it is special and how it is called; undefined for one that spells nothing, or not a whole character. */
function spellings(tokenizer: TextTokenizer, vocab: number): (string | undefined)[] {
  const special = new Map(
    tokenizer.addedTokens.flatMap(({ special, id, content }) => (special ? [[id, content]] : [])),
  );
  return Array.from({ length: vocab }, (_, id) => {
    if (id >= tokenizer.vocab) return undefined;
    const name = special.get(id);
    if (name !== undefined) return `special ${name}`;
    const spelling = tokenizer.tokenBytes
      ? String.fromCharCode(...tokenizer.tokenBytes(id))
      : bytesOf(textOf(tokenizer, [id]));
    return spelling === undefined || spelling === '' ? undefined : `text ${spelling}`;
  });
}

/** A text by its bytes, one UTF-16 unit each; undefined for one with unfinished characters. */
function bytesOf(text: string): string | undefined {
  return text.includes('\ufffd') ? undefined : String.fromCharCode(...new TextEncoder().encode(text));
}
