/**
 * Brings a cache to a text: what it holds of it already is kept, the rest is read in passes of full size.
 * @module
 */
import type { TargetRows } from '../model/target.ts';
import type { Breather } from '../runtime/breathe.ts';
import { chain } from '../tree/draft-tree.ts';
import type { TokenCache } from './token-cache.ts';

/** What is called while a text is read. */
export interface Reading {
  /** Before each pass: it throws where somebody else has the cache by now. */
  before(): void;
  /** After each pass, before its positions are committed: the first of them, their number, and what the target has for each; no logits. */
  read?(start: number, count: number, rows: TargetRows): void;
  /** With the positions that the cache holds, and those that it will. */
  after?(done: number, total: number): void;
}

/**
 * Reads a text but for its last token, which is the root of what follows.
 *
 * @param text (T,) at least one token, and no more than the context
 * @returns positions that were kept
 * @throws what `before` and `read` throw
 */
export async function fillCache(
  cache: TokenCache,
  text: Int32Array,
  breather: Breather,
  { before, read, after }: Reading,
): Promise<number> {
  const total = text.length - 1;
  const kept = cache.reuse(text);
  for (let done = kept; done < total; ) {
    before();
    const block = chain(text.subarray(done, Math.min(done + cache.target.maxNodes, total)));
    const rows = cache.target.forward(block, 'none');
    read?.(done, block.tokens.length, rows);
    cache.commit(block, Int32Array.from(block.tokens.keys()));
    done += block.tokens.length;
    after?.(done, total);
    await breather.due();
  }
  before();
  return kept;
}
