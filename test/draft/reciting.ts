/**
 * Models that recite a text in the tokens of some tokenizer, so that two of them with different vocabularies agree on what comes next.
 * @module
 */
import { Drafting } from '../../src/decode/drafting.ts';
import type { Host } from '../../src/decode/generate.ts';
import { Queue } from '../../src/decode/queue.ts';
import { TokenCache } from '../../src/decode/token-cache.ts';
import type { DraftSource } from '../../src/draft/draft-model.ts';
import type { Target } from '../../src/model/target.ts';
import { encodeMidText, textOf } from '../../src/text/mid-text.ts';
import type { TextTokenizer } from '../../src/text/text-tokenizer.ts';
import { type Language, madeUpLanguage, MadeUpTarget, type TargetSizes } from '../decode/made-up-target.ts';

/** Code, prose, other scripts, characters of several tokens. */
export const TEXT = `export function total(items) {
  let sum = 0;
  for (const item of items) sum += item.price * item.count;
  return sum; // naïve — 日本語 and 🙂👩‍👧, done
}

The committee decided that the translation of every document should be checked twice, in 2024 and again in 2025.
`;

/**
 * Says the text wherever the path is a beginning of it, and something that depends on the whole path elsewhere.
 * @param strength of the text against the rest, in logits: with little of it the model is unsure
 */
export function recitation(tokenizer: TextTokenizer, text: string, strength = 12): Language {
  const rest = madeUpLanguage(7, tokenizer.vocab, { order: 1, spread: 3 });
  const special = new Set(tokenizer.addedTokens.flatMap((token) => (token.special ? [token.id] : [])));
  const whole = tokenizer.encode(text);
  return (path) => {
    const logits = rest(path);
    const words = path.filter((id) => !special.has(id));
    if (words.length < whole.length && words.every((id, i) => id === whole[i])) {
      logits[whole[words.length]!]! += strength;
      return logits;
    }
    const said = textOf(tokenizer, words).replace(/^ /, '');
    if (!text.startsWith(said)) return logits;
    const [next] =
      encodeMidText(tokenizer, text.slice(said.length, said.length + 60).replace(/[\ud800-\udbff]$/, '')) ?? [];
    if (next !== undefined) logits[next]! += strength;
    return logits;
  };
}

export function hostWith(tokenizer: TextTokenizer | undefined, target: Target): Host {
  return {
    cache: new TokenCache(target),
    queue: new Queue(),
    drafting: new Drafting(target),
    endTokens: [],
    ...(tokenizer && { tokenizer, detokenizer: () => tokenizer.detokenizer() }),
  };
}

/** A draft model and the target that it runs on. */
export function sourceWith(
  tokenizer: TextTokenizer | undefined,
  language: Language,
  sizes: TargetSizes,
): DraftSource & { readonly target: MadeUpTarget } {
  const target = new MadeUpTarget(language, { context: 1024, ...sizes });
  return { target, tokenizer, conversation: () => ({ target: target as Target, dispose() {} }) };
}
