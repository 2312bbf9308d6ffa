/**
 * Superposed decoding: several drafts for one pass a token. Each pass reads one mixture, the mean of the embeddings of the drafts' last tokens, each
 * with the weight of its draft; what it says of the next token is shared by all drafts, and n-grams of a text of the user's, where there
 * is one, tell which token goes with which draft.
 * Source: Shen et al., "Superposed Decoding", 2024, arXiv 2405.18400.
 *
 *   p            softmax(logits / temperature) over the k² most likely tokens, 0 for all others
 *   g_i(x)       the n-grams' probability of x after draft i (store/ngrams.ts)
 *   log f_i(x)   (1 - alpha) log p(x) + alpha log g_i(x); without n-grams log p(x)
 *   next drafts  of all pairs (i, x) the 2 k of largest l_i + log f_i(x): those whose x ends the text are finished, of the others the k best go on
 *   weights      softmax over i of l_i
 *
 * Differences from the paper: its first step is a step like the others, from one draft of no tokens. And where g is 0 a score is
 * (1 - alpha) log p(x) - 200, not only in drafts that have nothing else: so there are 2 k candidates always, in the paper's order.
 *
 * Bits: f64, with the exp and log of engine/math.ts; ties go to the better draft, then to the likelier token.
 * @module
 */
import { exp, log } from '../engine/math.ts';
import { ForetokenError } from '../errors.ts';
import { rootOnly } from '../tree/draft-tree.ts';
import type { TargetRows } from '../model/target.ts';
import type { TokenCache } from './token-cache.ts';

/** One continuation under way. */
export interface Path {
  /** After the text; without the token that ends it. */
  readonly tokens: readonly number[];
  /** l: the sum of log f. */
  readonly score: number;
}

/** Where superposed decoding stands. */
export interface Superposition {
  /** Those that go on, best first. */
  readonly drafts: readonly Path[];
  /** Those that have ended, by score for each token, best first. */
  readonly finished: readonly Path[];
}

/** What tells which token goes with which draft. */
export interface Ngrams {
  /** (tokens,) probability of each token after a text, 0 where it was never seen; they need not sum to 1. */
  following(text: readonly number[], tokens: ArrayLike<number>): Float64Array;
  /** Runs what calls `following`, which has no effect of its own, until all that it reads is there. */
  run<T>(reading: () => T): T | Promise<T>;
}

export interface SuperposeSettings {
  /** k, 1..8. */
  readonly count: number;
  /** Divides the logits, over 0. */
  readonly temperature: number;
  /** Ids that end a text. */
  readonly endTokens: readonly number[];
  readonly ngrams?: Ngrams | undefined;
  /** Their share in a score, 0..1. */
  readonly ngramShare: number;
}

/** Most drafts: a pass selects k² tokens, 64 at most. */
export const MOST_DRAFTS = 8;
/** The paper's temperature with n-grams of up to 6 tokens. */
export const TEMPERATURE = 0.06;
/** alpha of the paper, for the same n-grams. */
export const NGRAM_SHARE = 0.54;
/** Score of a token that no n-gram of a draft knows. */
const UNKNOWN = -200;

export const START: Superposition = { drafts: [{ tokens: [], score: 0 }], finished: [] };

/** The most likely next tokens. */
export interface Likely {
  readonly tokens: Int32Array;
  /** (tokens,) log p, of which the sum of exp is 1. */
  readonly logProbs: Float64Array;
}

/**
 * The k² most likely tokens of a row.
 * @throws {ForetokenError} `logits.finite` when the largest logit is not finite
 */
export function likely(rows: TargetRows, { count, temperature }: SuperposeSettings): Likely {
  const tokens = rows.topK(0, count * count).slice();
  const logits = rows.logits(0);
  const largest = logits[tokens[0]!]!;
  if (!Number.isFinite(largest)) throw new ForetokenError('logits.finite', `the largest logit is ${largest}`);
  const scaled = Float64Array.from(tokens, (token) => (logits[token]! - largest) / temperature);
  const sum = log(scaled.reduce((total, value) => total + exp(value), 0));
  return { tokens, logProbs: scaled.map((value) => value - sum) };
}

/** One step. @param text what all drafts follow */
export function advance(
  { drafts, finished }: Superposition,
  { tokens, logProbs }: Likely,
  text: readonly number[],
  { count, endTokens, ngrams, ngramShare }: SuperposeSettings,
): Superposition {
  const candidates = drafts.flatMap((draft) => {
    const known = ngrams?.following([...text, ...draft.tokens], tokens);
    return Array.from(tokens, (token, i) => {
      const own = known ? (1 - ngramShare) * logProbs[i]! : logProbs[i]!;
      const others = !known ? 0 : known[i]! > 0 ? ngramShare * log(known[i]!) : UNKNOWN;
      return { draft, token, score: draft.score + own + others };
    });
  });
  // A stable sort: equal scores stay by draft, then by token.
  const best = candidates.sort((a, b) => b.score - a.score).slice(0, 2 * count);
  const ends = ({ token }: (typeof best)[number]) => endTokens.includes(token);
  return {
    drafts: best
      .filter((candidate) => !ends(candidate))
      .slice(0, count)
      .map(({ draft, token, score }) => ({ tokens: [...draft.tokens, token], score })),
    finished: [...finished, ...best.filter(ends).map(({ draft, score }) => ({ tokens: draft.tokens, score }))]
      .sort((a, b) => meanScore(b, true) - meanScore(a, true))
      .slice(0, count),
  };
}

/** Score for each token, the one that ended the text included: -log of the perplexity that the paper ranks by. */
export function meanScore({ tokens, score }: Path, ended: boolean): number {
  return score / (tokens.length + (ended ? 1 : 0));
}

/** softmax of the drafts' scores, each times a factor. @returns (drafts,), sums to 1 */
export function shares(drafts: readonly Path[], factor = 1): Float64Array {
  const weights = Float64Array.from(drafts, ({ score }) => exp(factor * (score - drafts[0]!.score)));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** What the next pass reads: the drafts' last tokens, each once, with the weights of those that end with it. */
export function mixture(drafts: readonly Path[]): { readonly tokens: Int32Array; readonly weights: Float64Array } {
  const weightOf = new Map<number, number>();
  const weights = shares(drafts);
  drafts.forEach(({ tokens }, i) => {
    const last = tokens[tokens.length - 1]!;
    weightOf.set(last, (weightOf.get(last) ?? 0) + weights[i]!);
  });
  return { tokens: Int32Array.from(weightOf.keys()), weights: Float64Array.from(weightOf.values()) };
}

/**
 * Drafts after a text, by one pass for each token of their length. The cache holds the text afterwards, and nothing of the mixtures.
 *
 * @param cache   holds the text but for its last token, as `TokenCache.reuse` leaves it and passes fill it
 * @param length  most tokens of a draft; no more than the context has room for are made
 * @param between awaited before each further pass; it may throw, and then has to see to the cache by `clear`
 * @throws {ForetokenError} `logits.finite`; what passes and n-grams throw
 */
export async function superpose(
  cache: TokenCache,
  text: readonly number[],
  length: number,
  settings: SuperposeSettings,
  between: () => Promise<void>,
): Promise<Superposition> {
  const { target } = cache;
  const root = rootOnly(text[text.length - 1]!);
  const node = Int32Array.of(0);
  let rows = target.forward(root, 'last');
  cache.commit(root, node);
  const most = Math.min(length, 1 + target.context - target.length);
  let state = START;
  for (let made = 1; ; made++) {
    const next = likely(rows, settings);
    const step = () => advance(state, next, text, settings);
    state = await (settings.ngrams ? settings.ngrams.run(step) : step());
    if (made >= most || state.drafts.length === 0) break;
    await between();
    const { tokens, weights } = mixture(state.drafts);
    rows = target.superpose!(tokens, weights);
    target.commit(node);
  }
  clear(cache);
  return state;
}

/** Takes mixtures off the end of a cache. */
export function clear({ target, tokens }: TokenCache): void {
  if (target.length > tokens.length) target.truncate(tokens.length);
}
