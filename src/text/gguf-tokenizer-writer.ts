/**
 * A tokenizer.json as the metadata of a GGUF file that say the same. What GGUF has no words for is refused by name.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { Fields } from '../formats/fields.ts';
import type { Pair } from '../formats/gguf-writer.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import type { JsonValue } from '../formats/json.ts';
import { PRE_TOKENIZERS, TOKEN_TYPE } from './gguf-tokenizer.ts';
import { nfc } from './nfc.ts';
import type { TokenizerParts } from './tokenizer-file.ts';
import { readTokenizerParts } from './tokenizer-kinds.ts';
import { readAddedTokens, readSpellings } from './vocabulary.ts';

/**
 * @param what its name, for messages
 * @throws {ForetokenError} what `readTokenizerParts` throws; `tokenizer.unsupported` for what GGUF cannot say
 */
export function tokenizerPairs(json: JsonValue, what: string, config: ModelConfig): Pair[] {
  const parts = readTokenizerParts(json, what, config.vocab);
  const file = new Fields(json, 'tokenizer', what);
  const refuse = (problem: string) =>
    new ForetokenError('tokenizer.unsupported', `${what}: ${problem}, which GGUF cannot say`);
  if (parts.symbolsOf) throw refuse('merges of characters');
  if (parts.normalize && parts.normalize !== nfc) throw refuse('a normaliser other than NFC');
  if (parts.byteTokens.includes(-1)) throw refuse('a byte has no token');
  if (parts.addedTokens.some(({ lstrip, rstrip }) => lstrip || rstrip)) {
    throw refuse('an added token swallows white space');
  }
  if (parts.normalize && parts.addedTokens.some(({ normalized }) => normalized)) {
    throw refuse('an added token is normalised');
  }
  const { tokens, types } = tokenLists(file, config.vocab);
  return [
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', preTokenizerName(file, parts) ?? throwing(refuse('a pre-tokeniser without a name'))],
    ['tokenizer.ggml.tokens', { texts: tokens }],
    ['tokenizer.ggml.token_type', { i32s: types }],
    ['tokenizer.ggml.merges', { texts: mergeTexts(file) }],
    ...aroundPairs(parts, config, refuse),
  ];
}

function throwing(error: Error): never {
  throw error;
}

/** The tokens that end a text, and those around it. */
export function endPairs({ bosToken, eosTokens }: ModelConfig): Pair[] {
  if (eosTokens.length > 3) {
    throw new ForetokenError(
      'config.unsupported',
      `${eosTokens.length} tokens end a text, and GGUF has keys for three`,
    );
  }
  const id = (kind: string, token: number): Pair => [`tokenizer.ggml.${kind}_token_id`, { u32: token }];
  return [
    ...(bosToken === undefined ? [] : [id('bos', bosToken)]),
    ...eosTokens.map((token, i) => id(['eos', 'eot', 'eom'][i]!, token)),
  ];
}

function aroundPairs(
  { prefix, suffix }: TokenizerParts,
  { bosToken, eosTokens }: ModelConfig,
  refuse: (problem: string) => Error,
): Pair[] {
  if (prefix.length > 1 || (prefix.length === 1 && prefix[0] !== bosToken)) {
    throw refuse("what comes before a text is not the configuration's bos_token_id");
  }
  if (suffix.length > 1 || (suffix.length === 1 && suffix[0] !== eosTokens[0])) {
    throw refuse("what comes after a text is not the configuration's first eos_token_id");
  }
  return [
    ['tokenizer.ggml.add_bos_token', prefix.length > 0],
    ['tokenizer.ggml.add_eos_token', suffix.length > 0],
  ];
}

/** Spelling and type of every id; one without a token is a place that nothing uses. */
function tokenLists(file: Fields, vocab: number): { readonly tokens: string[]; readonly types: Int32Array } {
  const tokens = Array.from({ length: vocab }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(vocab).fill(TOKEN_TYPE.unused);
  for (const [spelling, id] of readSpellings(file.object('model'))) {
    tokens[id] = spelling;
    types[id] = TOKEN_TYPE.normal;
  }
  for (const { id, content, special } of readAddedTokens(file)) {
    tokens[id] = content;
    types[id] = special ? TOKEN_TYPE.control : TOKEN_TYPE.userDefined;
  }
  return { tokens, types };
}

function mergeTexts(file: Fields): string[] {
  return file
    .object('model')
    .list('merges')
    .map((merge) => (typeof merge === 'string' ? merge : (merge as readonly string[]).join(' ')));
}

/** The name of what cuts texts as this file does. */
function preTokenizerName(file: Fields, { normalize }: TokenizerParts): string | undefined {
  const ignores = file.object('model').boolean('ignore_merges', false);
  const stages = stagesText(file.object('pre_tokenizer'));
  return PRE_TOKENIZERS.find(
    (pre) =>
      pre.ignoresMerges === ignores &&
      pre.normalizes === (normalize !== undefined) &&
      stagesText(new Fields(pre.stages, 'tokenizer', 'pre')) === stages,
  )?.names[0];
}

/** All that a known `pre_tokenizer` says, for comparison; its form has been checked. */
function stagesText(preTokenizer: Fields): string {
  const isSequence = preTokenizer.string('type') === 'Sequence';
  const stages = isSequence ? preTokenizer.children('pretokenizers') : [preTokenizer];
  const texts = stages.map((stage) => {
    switch (stage.string('type')) {
      case 'Split':
        return stage.object('pattern').string('Regex');
      case 'Digits':
        return `digits ${stage.boolean('individual_digits', false)}`;
      default:
        return `bytes ${stage.boolean('add_prefix_space', true)} ${stage.boolean('use_regex', true)}`;
    }
  });
  return JSON.stringify(texts);
}
