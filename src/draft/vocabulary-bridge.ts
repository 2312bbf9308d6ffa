/**
 * How a draft model's tokens become the target's, and the other way round.
 *
 *   vocabularies                     the text so far            trees
 *   the same, or the same ids        ids                        drawn and chosen in the target's ids
 *   others, drafts are drawn         translated by text         of shared tokens, which both read as the same text
 *   others, drafts are chosen        translated by text         grown in the draft model's tokens, then translated by text
 *
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { DraftSampling } from '../tree/draft-tree.ts';
import type { DraftedModel } from './drafter.ts';
import { sameVocabulary, type SharedTokens, sharedTokens, type Vocabularies } from './shared-tokens.ts';
import { type Translation, translationById, TranslationByText } from './translation.ts';

export interface Bridge {
  readonly target: DraftedModel;
  readonly shared: SharedTokens;
  readonly translation: Translation;
  /** Where trees are grown in the draft model's own tokens. */
  readonly byText: Vocabularies | undefined;
  /** What differs, in words; undefined where nothing does. */
  readonly note: string | undefined;
}

/**
 * @param own      the draft model
 * @param sampling how its drafts are chosen
 * @throws {ForetokenError} `option.draft` when vocabularies differ and a tokenizer is missing, or tokens are to be drawn and none is shared
 */
export function bridgeTo(target: DraftedModel, own: DraftedModel, sampling: DraftSampling): Bridge {
  const shared = sharedBy(target, own);
  const byId = {
    target,
    shared,
    translation: translationById(shared, target.tokenizer, own.tokenizer),
    byText: undefined,
    note: undefined,
  };
  if (shared.sameIds && shared.count === target.vocab) return byId;
  const common = `draft-model: ${shared.count} of ${target.vocab} tokens in common`;
  if (shared.sameIds || !target.tokenizer || !own.tokenizer) return { ...byId, note: common };
  const vocabularies = { target: target.tokenizer, draft: own.tokenizer, shared };
  const translation = new TranslationByText(vocabularies);
  if (sampling === 'deterministic')
    return { ...byId, translation, byText: vocabularies, note: `${common}, drafts go by text` };
  if (shared.count > 0) return { ...byId, translation, note: `${common}, drafts are drawn from them` };
  throw new ForetokenError(
    'option.draft',
    'the draft model has no token in common with the model, so none can be drawn: choose `likeliest` as its shape, which draws none',
  );
}

/** Without tokenizers vocabularies of one size are taken to be the same. @throws {ForetokenError} `option.draft` */
function sharedBy(target: DraftedModel, own: DraftedModel): SharedTokens {
  if (target.tokenizer && own.tokenizer) {
    return sharedTokens(own.tokenizer, target.tokenizer, { draft: own.vocab, target: target.vocab });
  }
  if (target.vocab === own.vocab) return sameVocabulary(target.vocab);
  throw new ForetokenError(
    'option.draft',
    `a draft model with a vocabulary of ${own.vocab} for a model with one of ${target.vocab}: ` +
      `comparing them takes tokenizers, and ${target.tokenizer ? 'the draft model' : 'the model'} has none`,
  );
}
