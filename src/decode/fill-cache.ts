/**
 * Brings a cache to a text: what it holds of it already is kept, the rest is read in passes of full size.
 * @module
 */
import type { Breather } from '../runtime/breathe.ts';
import { chain } from '../tree/draft-tree.ts';
import type { TokenCache } from './token-cache.ts';

/**
 * Reads a text but for its last token, which is the root of what follows.
 *
 * @param text   (T,) at least one token, and no more than the context
 * @param before called before each pass: it throws where somebody else has the cache by now
 * @param after  called after each pass, with the positions that the cache holds, and those that it will
 * @returns positions that were kept
 * @throws what `before` throws
 */
export async function fillCache(
  cache: TokenCache,
  text: Int32Array,
  breather: Breather,
  before: () => void,
  after?: (done: number, total: number) => void,
): Promise<number> {
  const total = text.length - 1;
  const kept = cache.reuse(text);
  for (let done = kept; done < total; ) {
    before();
    const block = chain(text.subarray(done, Math.min(done + cache.target.maxNodes, total)));
    cache.target.forward(block, 'none');
    cache.commit(block, Int32Array.from(block.tokens.keys()));
    done += block.tokens.length;
    after?.(done, total);
    await breather.due();
  }
  before();
  return kept;
}
