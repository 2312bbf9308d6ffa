/** What of a cache a prompt can use. */
import { TokenCache } from '../../src/decode/token-cache.ts';
import { chain, type DraftTree } from '../../src/tree/draft-tree.ts';
import { assert, test } from '../harness.ts';
import { madeUpLanguage, MadeUpTarget } from './made-up-target.ts';

function cacheOf(tokens: readonly number[]): { cache: TokenCache; target: MadeUpTarget } {
  const target = new MadeUpTarget(madeUpLanguage(1, 10), { vocab: 10 });
  const cache = new TokenCache(target);
  const tree = chain(tokens);
  target.forward(tree, 'none');
  cache.commit(tree, Int32Array.from(tokens.keys()));
  return { cache, target };
}

test('the common beginning is kept, without the last token of the prompt', () => {
  const cases: [cached: number[], prompt: number[], kept: number][] = [
    [[1, 2, 3], [1, 2, 3], 2],
    [[1, 2, 3], [1, 2, 3, 4], 3],
    [[1, 2, 3], [1, 2], 1],
    [[1, 2, 3], [1, 5, 3, 4], 1],
    [[1, 2, 3], [5], 0],
    [[1, 2, 3], [1], 0],
  ];
  for (const [cached, prompt, kept] of cases) {
    const { cache, target } = cacheOf(cached);
    assert.is(cache.reuse(Int32Array.from(prompt)), kept);
    assert.is(target.length, kept);
    assert.equal(cache.tokens, prompt.slice(0, kept));
  }
});

test('a committed path of a tree is remembered by its tokens', () => {
  const { cache, target } = cacheOf([1, 2]);
  const tree: DraftTree = { tokens: Int32Array.of(3, 4, 5, 6), parents: Int32Array.of(-1, 0, 0, 2) };
  target.forward(tree, 'all');
  cache.commit(tree, Int32Array.of(0, 2, 3));
  assert.equal(cache.tokens, [1, 2, 3, 5, 6]);
  assert.equal(target.committed, [1, 2, 3, 5, 6]);
});

test('a cache that was changed from outside is not believed', () => {
  const { cache, target } = cacheOf([1, 2, 3]);
  target.truncate(1);
  assert.is(cache.reuse(Int32Array.of(1, 2, 3, 4)), 0);
  const forgotten = cacheOf([1, 2, 3]);
  forgotten.cache.forget();
  assert.is(forgotten.cache.reuse(Int32Array.of(1, 2, 3, 4)), 0);
  assert.is(forgotten.target.length, 0);
});

test('a cache can begin with tokens that a snapshot brought', () => {
  const { target } = cacheOf([1, 2, 3]);
  assert.is(new TokenCache(target, [1, 2, 3]).reuse(Int32Array.of(1, 2, 9)), 2);
});

test.run();
