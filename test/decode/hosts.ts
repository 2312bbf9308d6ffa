/**
 * Hosts for generations in tests.
 * @module
 */
import { Drafting } from '../../src/decode/drafting.ts';
import type { Host } from '../../src/decode/generate.ts';
import type { StreamingDetokenizer } from '../../src/decode/output.ts';
import { type Concurrency, Queue } from '../../src/decode/queue.ts';
import { TokenCache } from '../../src/decode/token-cache.ts';
import type { Target } from '../../src/model/target.ts';

export interface HostOptions {
  readonly endTokens?: readonly number[];
  /** Text of each token id; without it the host has no tokenizer. */
  readonly texts?: readonly string[];
  readonly concurrency?: Concurrency;
}

export function hostOf(target: Target, { endTokens = [], texts, concurrency }: HostOptions = {}): Host {
  return {
    cache: new TokenCache(target),
    queue: new Queue(concurrency),
    drafting: new Drafting(target),
    endTokens,
    ...(texts && { detokenizer: () => byTable(texts) }),
  };
}

/** Each token has a text of its own; at the end nothing is left over. */
function byTable(texts: readonly string[]): StreamingDetokenizer {
  return { push: (token) => texts[token]!, flush: () => '' };
}

/** Tokens named by letters: a, b, c ... */
export const LETTERS = Array.from('abcdefghijklmnopqrstuvwxyz');
