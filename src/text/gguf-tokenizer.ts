/**
 * The tokenizer of a GGUF file, as the tokenizer.json that says the same, so that both go one way from there. Ways of cutting a text into
 * pieces have names in GGUF, not patterns; the ones that are known are listed here.
 * Source: the keys `tokenizer.ggml.*` of the GGUF specification, `enum llama_token_type` and the names of llama.cpp's pre-tokenisers.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import type { Fields } from '../formats/fields.ts';
import type { GgufMetadata } from '../formats/gguf.ts';
import type { JsonObject, JsonValue } from '../formats/json.ts';
import { llama3 } from './patterns.ts';

/** What a token is. */
export const TOKEN_TYPE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** What a name of `tokenizer.ggml.pre` stands for. */
export interface PreTokenizer {
  readonly names: readonly string[];
  /** `pre_tokenizer` of tokenizer.json. */
  readonly stages: JsonObject;
  /** `ignore_merges` of its model: a piece that is a token is not merged. */
  readonly ignoresMerges: boolean;
  /** Text is brought to normalisation form C. */
  readonly normalizes: boolean;
  /** A beginning-of-text token is put first where the file does not say. */
  readonly addsBos: boolean;
}

/** Models of a tokenizer that a file has which has none. */
const NO_TOKENIZER = ['none', 'no_vocab'];

const object = (entries: Readonly<Record<string, JsonValue>>): JsonObject => new Map(Object.entries(entries));
const byteLevel = (usesRegex: boolean) =>
  object({ type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: usesRegex });
const sequence = (first: JsonObject, usesRegex: boolean) =>
  object({ type: 'Sequence', pretokenizers: [first, byteLevel(usesRegex)] });
const split = (regex: string) =>
  sequence(object({ type: 'Split', pattern: object({ Regex: regex }), behavior: 'Isolated', invert: false }), false);
const PLAIN = { ignoresMerges: false, normalizes: false, addsBos: false } as const;

/** Of several with the same stages, the first is written. */
export const PRE_TOKENIZERS: readonly PreTokenizer[] = [
  { ...PLAIN, names: ['gpt-2', 'gpt2'], stages: byteLevel(true) },
  {
    ...PLAIN,
    names: ['llama-bpe', 'llama3', 'llama-v3'],
    stages: split(llama3('\\p{N}{1,3}')),
    ignoresMerges: true,
    addsBos: true,
  },
  { ...PLAIN, names: ['dbrx', 'smaug-bpe'], stages: split(llama3('\\p{N}{1,3}')) },
  { ...PLAIN, names: ['qwen2', 'deepseek-r1-qwen'], stages: split(llama3('\\p{N}')), normalizes: true },
  { ...PLAIN, names: ['stablelm2'], stages: split(llama3('\\p{N}')) },
  {
    ...PLAIN,
    names: ['smollm', 'starcoder', 'refact', 'command-r', 'codeshell'],
    stages: sequence(object({ type: 'Digits', individual_digits: true }), true),
  },
];

/**
 * Whether a file has a tokenizer of SentencePiece, or one of another kind, or none.
 * @throws {ForetokenError} `tokenizer.type`; `tokenizer.unsupported` for a kind that is not known
 */
export function tokenizerKind(fields: Fields): 'bytes' | 'sentence-piece' | undefined {
  const MODEL = 'tokenizer.ggml.model';
  const model = fields.has(MODEL) ? fields.string(MODEL) : 'none';
  if (NO_TOKENIZER.includes(model)) return undefined;
  if (model === 'gpt2') return 'bytes';
  if (model === 'llama') return 'sentence-piece';
  throw fields.unsupported(MODEL, '"gpt2", "llama" or "none"');
}

/**
 * @param fields the metadata, for errors of area `tokenizer`, of a tokenizer over bytes
 * @throws {ForetokenError} `tokenizer.missing`, `tokenizer.type`, `tokenizer.range`; `tokenizer.duplicate`; `tokenizer.unsupported` for a
 *   pre-tokeniser that is not known, by its name
 */
export function tokenizerJson(fields: Fields, metadata: GgufMetadata): JsonObject {
  const name = fields.string('tokenizer.ggml.pre');
  const pre = PRE_TOKENIZERS.find(({ names }) => names.includes(name));
  if (!pre) {
    const known = PRE_TOKENIZERS.flatMap(({ names }) => names).map(quote);
    throw fields.unsupported('tokenizer.ggml.pre', `one of ${known.join(', ')}`);
  }
  const tokens = textList(fields, 'tokenizer.ggml.tokens');
  const types = typesOf(fields, metadata, tokens.length);
  // Rows that fill the embedding up have no token, as in a tokenizer.json.
  const last = types.findLastIndex((type) => type !== TOKEN_TYPE.unused);
  const vocab = new Map<string, number>();
  const added: JsonObject[] = [];
  for (const [id, content] of tokens.slice(0, last + 1).entries()) {
    const type = types[id];
    const special = type === TOKEN_TYPE.control;
    if (special || type === TOKEN_TYPE.userDefined) {
      added.push(object({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special }));
    }
    if (special) continue;
    if (vocab.has(content)) {
      throw new ForetokenError(
        'tokenizer.duplicate',
        `${fields.what}: ${quote(content)} is token ${vocab.get(content)} and ${id}`,
      );
    }
    vocab.set(content, id);
  }
  return object({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: pre.normalizes ? object({ type: 'NFC' }) : null,
    pre_tokenizer: pre.stages,
    post_processor: templateOf(fields, tokens, pre),
    decoder: byteLevel(true),
    model: object({
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: pre.ignoresMerges,
      vocab,
      merges: textList(fields, 'tokenizer.ggml.merges'),
    }),
  });
}

/** @throws {ForetokenError} `tokenizer.missing`, `tokenizer.type` */
export function textList(fields: Fields, name: string): readonly string[] {
  if (!fields.has(name)) throw new ForetokenError('tokenizer.missing', `${fields.what}: "${name}" is missing`);
  const list = fields.list(name);
  if (list.some((text) => typeof text !== 'string')) throw fields.range(name, 'texts');
  return list as readonly string[];
}

/** The type of every token; all are normal where the file says nothing. */
export function typesOf(fields: Fields, metadata: GgufMetadata, count: number): Int32Array {
  const name = 'tokenizer.ggml.token_type';
  const types = metadata.get(name) ?? new Int32Array(count).fill(TOKEN_TYPE.normal);
  const isList = types instanceof Int32Array || types instanceof Uint32Array;
  if (isList && types.length === count && types.every((type) => type >= 1 && type <= TOKEN_TYPE.byte)) {
    return Int32Array.from(types);
  }
  throw fields.range(name, `a whole number of 32 bits from 1 to ${TOKEN_TYPE.byte} for each of ${count} tokens`);
}

/** The tokens that go before and after a text. @param addsBos what is true where the file does not say */
export function aroundTexts(
  fields: Fields,
  count: number,
  addsBos: boolean,
): { readonly before: readonly number[]; readonly after: readonly number[] } {
  const tokens = (kind: 'bos' | 'eos', otherwise: boolean) =>
    fields.boolean(`tokenizer.ggml.add_${kind}_token`, otherwise)
      ? [fields.integer(`tokenizer.ggml.${kind}_token_id`, 0, count - 1)]
      : [];
  return { before: tokens('bos', addsBos), after: tokens('eos', false) };
}

/** `post_processor`: the tokens around a text. */
function templateOf(fields: Fields, tokens: readonly string[], pre: PreTokenizer): JsonObject | null {
  const addsBos = pre.addsBos && fields.has('tokenizer.ggml.bos_token_id');
  const { before, after } = aroundTexts(fields, tokens.length, addsBos);
  if (before.length + after.length === 0) return null;
  const pieces = (ids: readonly number[]) =>
    ids.map((id) => object({ SpecialToken: object({ id: tokens[id]!, type_id: 0 }) }));
  const inside = (id: string, type: number) => [
    ...pieces(before),
    object({ Sequence: object({ id, type_id: type }) }),
    ...pieces(after),
  ];
  const described = (id: number): [string, JsonObject] => {
    const content = tokens[id]!;
    return [content, object({ id: content, ids: [id], tokens: [content] })];
  };
  return object({
    type: 'TemplateProcessing',
    single: inside('A', 0),
    pair: [...inside('A', 0), ...inside('B', 1)],
    special_tokens: new Map([...before, ...after].map(described)),
  });
}
