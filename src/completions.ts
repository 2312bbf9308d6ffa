/**
 * Several short continuations of a prompt for about the price of one: superposed decoding (decode/superposition.ts).
 *
 * Loaded only when they are asked for. Bits: each pass has a fixed order of sums, and what is done with its logits is arithmetic that IEEE 754 rounds
 * correctly, so completions are the same on every runtime, with any number of threads.
 * @module
 */
import { checkNames, outOfRange, wrongType } from './check-options.ts';
import { fillCache } from './decode/fill-cache.ts';
import { checkPrompt, type Host } from './decode/generate.ts';
import type { FinishReason } from './decode/output.ts';
import {
  clear,
  meanScore,
  MOST_DRAFTS,
  NGRAM_SHARE,
  type Path,
  type SuperposeSettings,
  superpose,
  TEMPERATURE,
} from './decode/superposition.ts';
import { Breather } from './runtime/breathe.ts';
import { storeNgrams } from './store/ngrams.ts';
import type { TextStore } from './store/store.ts';

export interface CompletionsOptions {
  /** How many, 1..8; default 3. One alone is the greedy continuation, where there is no store. */
  readonly n?: number;
  /** Most tokens of each; default 10, beyond which the drafts of one pass are no longer good. */
  readonly maxTokens?: number;
  /** Text of the user's, whose n-grams tell which token goes with which continuation; `openStore` of `foretoken/drafters`. */
  readonly store?: TextStore;
  /** The store's share in a score: 0.54 by default. 0..1 */
  readonly storeShare?: number;
  /** Sharpens the model's law before it is shared: 0.06 by default. 0.001..100 */
  readonly temperature?: number;
  /** Ends the call between two passes. */
  readonly signal?: AbortSignal;
}

export interface Completion {
  /** Empty for a model without a tokenizer. */
  readonly text: string;
  /** Without the token that ended the text. */
  readonly tokens: readonly number[];
  /** Mean over its tokens of the score that it was chosen by, at most 0: a natural logarithm of the sharpened law, no probability of the model's. */
  readonly score: number;
  readonly finishReason: FinishReason;
}

const OPTIONS = ['n', 'maxTokens', 'store', 'storeShare', 'temperature', 'signal'];

/**
 * Completions of a prompt, best first, in one turn of the model's queue. The cache holds the prompt afterwards.
 *
 * @returns `n` of them, fewer where the model has fewer tokens to go on with
 * @throws {ForetokenError} before anything runs: `option.*`, `prompt.*`; then `session.busy`, `session.disposed`,
 *   `model.disposed`; `logits.finite`; `store.*`, `source.*` where the store cannot be read. The model stays usable after each
 * @throws the signal's reason, once it aborts
 */
export async function completions(
  { cache, queue, endTokens, detokenizer }: Host,
  prompt: ArrayLike<number>,
  options: CompletionsOptions = {},
): Promise<Completion[]> {
  const { signal, maxTokens, settings } = checkOptions(options, endTokens);
  const text = checkPrompt(prompt, cache.target);
  const release = await queue.acquire(signal);
  // An abort gives the turn to the next call at once: it must find no mixtures.
  const leave = () => clear(cache);
  signal?.addEventListener('abort', leave, { once: true });
  try {
    await cache.target.ready?.();
    const breather = new Breather();
    const stay = () => signal?.throwIfAborted();
    await fillCache(cache, Int32Array.from(text), breather, { before: stay });
    const { drafts, finished } = await superpose(cache, text, maxTokens, settings, async () => {
      await breather.due();
      stay();
    });
    const all = [
      ...drafts.map((path) => completion(path, 'length', detokenizer)),
      ...finished.map((path) => completion(path, 'stop', detokenizer)),
    ];
    return all.sort((a, b) => b.score - a.score).slice(0, settings.count);
  } finally {
    signal?.removeEventListener('abort', leave);
    if (!signal?.aborted) leave();
    release();
  }
}

function completion(path: Path, finishReason: 'stop' | 'length', detokenizer: Host['detokenizer']): Completion {
  const decoder = detokenizer?.();
  const text = decoder ? path.tokens.map((token) => decoder.push(token)).join('') + decoder.flush() : '';
  return { text, tokens: path.tokens, score: meanScore(path, finishReason === 'stop'), finishReason };
}

function checkOptions(options: CompletionsOptions, endTokens: readonly number[]) {
  checkNames(options, OPTIONS);
  const { n = 3, maxTokens = 10, store, storeShare = NGRAM_SHARE, temperature = TEMPERATURE, signal } = options;
  const check = (name: string, value: unknown, from: number, to: number, whole = false) => {
    if (typeof value !== 'number') throw wrongType(name, 'a number', value);
    if (!(value >= from && value <= to && (!whole || Number.isInteger(value)))) {
      throw outOfRange(name, `${whole ? 'a whole number, ' : ''}${from}..${to}`, value);
    }
  };
  check('n', n, 1, MOST_DRAFTS, true);
  check('maxTokens', maxTokens, 1, Number.MAX_SAFE_INTEGER, true);
  check('storeShare', storeShare, 0, 1);
  check('temperature', temperature, 0.001, 100);
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function') {
    throw wrongType('signal', 'an AbortSignal', signal);
  }
  if (store !== undefined && typeof store?.find !== 'function') throw wrongType('store', 'a store of text', store);
  const ngrams = store && storeNgrams(store);
  const settings: SuperposeSettings = { count: n, temperature, endTokens, ngrams, ngramShare: storeShare };
  return { signal, maxTokens, settings };
}
