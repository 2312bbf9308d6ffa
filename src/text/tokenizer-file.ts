/**
 * tokenizer.json of Hugging Face tokenizers: read strictly into what a byte-level BPE tokenizer needs. Every setting that would change
 * the result and is not implemented is refused by name; `truncation` and `padding` do not touch the tokens of a text and are left alone.
 * Source: the serialised form of Hugging Face tokenizers 0.13 to 0.23.
 * @module
 */
import { Fields } from '../formats/fields.ts';
import { type JsonValue, parseJson } from '../formats/json.ts';
import type { AddedToken } from './added-tokens.ts';
import { CHARACTERS } from './byte-alphabet.ts';
import { type Merges, PairTable } from './byte-pairs.ts';
import { readSplitter, type Splitter } from './splitter.ts';
import {
  joinTokens,
  readAddedTokens,
  readMerges,
  readSpellings,
  type Spellings,
  type TokenTable,
  tokenTable,
} from './vocabulary.ts';

/** Ids that the file's post-processor puts around a text. */
interface Template {
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
}

const NOTHING_AROUND: Template = { prefix: [], suffix: [] };

/** What a tokenizer is made of. */
export interface TokenizerParts extends TokenTable, Template {
  /** (256,) token of each single byte; -1 where the vocabulary lacks it. */
  readonly byteTokens: Int32Array;
  readonly pairs: PairTable;
  /** Tokens that a piece may be as a whole, whatever the merges (`ignore_merges`), by spelling; special tokens are not among them. */
  readonly wholePieces: Spellings;
  /** Stands for bytes that the vocabulary lacks; -1: such bytes are dropped. */
  readonly unknownToken: number;
  /** A run of lacking bytes is one unknown token, not one each. */
  readonly fuseUnknown: boolean;
  /** Text is brought to normalisation form C first. */
  readonly normalizes: boolean;
  readonly split: Splitter;
  /** The tokens that merging a piece starts from; without it they are those of its bytes. */
  readonly symbolsOf?: (piece: string) => Int32Array;
  readonly addedTokens: readonly AddedToken[];
}

/** The same before its tables are built. */
export interface LooseParts extends Omit<TokenizerParts, keyof TokenTable | 'pairs'> {
  /** The bytes of each token, by id. */
  readonly tokens: readonly Uint8Array[];
  readonly merges: Merges;
}

/** Builds the tables. @param vocab V of the model: ids above the last token are legal, and stand for nothing */
export function buildTables({ tokens, merges, ...parts }: LooseParts, vocab: number): TokenizerParts {
  return { ...parts, ...joinTokens(tokens, vocab), pairs: new PairTable(merges, vocab) };
}

/**
 * Reads a tokenizer.json.
 *
 * @param bytes      the file
 * @param what       its name, for messages
 * @param modelVocab V of the model, where known: ids above the last token are then legal, and stand for nothing
 * @throws {ForetokenError} `file.json`; `tokenizer.missing`, `tokenizer.type`, `tokenizer.range` for a field; `tokenizer.unsupported`
 *   for a setting that is valid and not implemented; `tokenizer.duplicate`, `tokenizer.gap`, `tokenizer.vocab`, `tokenizer.merge`
 */
export function readTokenizer(bytes: Uint8Array, what: string, modelVocab?: number): TokenizerParts {
  return readTokenizerParts(parseJson(bytes, what), what, modelVocab);
}

/** As `readTokenizer`, from what the file's text stands for. */
export function readTokenizerParts(json: JsonValue, what: string, modelVocab?: number): TokenizerParts {
  const file = new Fields(json, 'tokenizer', what);
  if (file.string('version', '1.0') !== '1.0') throw file.unsupported('version', '"1.0"');
  const model = file.object('model');
  checkModel(model);
  checkDecoder(file);
  const split = readSplitter(file.object('pre_tokenizer'));
  const normalizes = readNormalizer(file.child('normalizer'));

  const spellings = readSpellings(model);
  const addedTokens = readAddedTokens(file);
  const table = tokenTable(spellings, addedTokens, file, modelVocab);
  return {
    ...table,
    byteTokens: Int32Array.from(CHARACTERS, (character) => spellings.get(character) ?? -1),
    pairs: readMerges(model, spellings, table.vocab),
    wholePieces: readWholePieces(model, spellings, addedTokens),
    unknownToken: readUnknown(model, spellings),
    fuseUnknown: model.boolean('fuse_unk', false),
    normalizes,
    split,
    addedTokens,
    ...readTemplate(file.child('post_processor'), table.vocab),
  };
}

function checkModel(model: Fields): void {
  if (model.string('type', 'BPE') !== 'BPE') throw model.unsupported('type', '"BPE"');
  if (model.number('dropout', 0, 1, 0) !== 0) throw model.unsupported('dropout', 'null');
  if (model.boolean('byte_fallback', false)) throw model.unsupported('byte_fallback', 'false');
  for (const name of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    if (model.string(name, '') !== '') throw model.unsupported(name, 'null');
  }
}

function checkDecoder(file: Fields): void {
  const decoder = file.object('decoder');
  if (decoder.string('type') !== 'ByteLevel') throw decoder.unsupported('type', '"ByteLevel"');
}

/** @returns whether text is normalised, to form C */
function readNormalizer(normalizer: Fields | undefined): boolean {
  switch (normalizer?.string('type')) {
    case undefined:
      return false;
    case 'NFC':
      return true;
    case 'Sequence':
      return normalizer!.children('normalizers').map(readNormalizer).includes(true);
    default:
      throw normalizer!.unsupported('type', '"NFC"');
  }
}

function readWholePieces(model: Fields, spellings: Spellings, addedTokens: readonly AddedToken[]): Spellings {
  if (!model.boolean('ignore_merges', false)) return new Map();
  const pieces = new Map(spellings);
  for (const { special, content } of addedTokens) if (special) pieces.delete(content);
  return pieces;
}

function readUnknown(model: Fields, spellings: Spellings): number {
  if (!model.has('unk_token')) return -1;
  const id = spellings.get(model.string('unk_token'));
  if (id === undefined) throw model.range('unk_token', 'a token of the vocabulary');
  return id;
}

function readTemplate(processor: Fields | undefined, vocab: number): Template {
  switch (processor?.string('type')) {
    case undefined:
    case 'ByteLevel': // moves offsets, which are not given here
      return NOTHING_AROUND;
    case 'TemplateProcessing':
      return readTemplateProcessing(processor!, vocab);
    case 'Sequence':
      return processor!
        .children('processors')
        .map((inner) => readTemplate(inner, vocab))
        .reduce((inner, outer) => {
          return { prefix: [...outer.prefix, ...inner.prefix], suffix: [...inner.suffix, ...outer.suffix] };
        }, NOTHING_AROUND);
    default:
      throw processor!.unsupported('type', '"ByteLevel", "TemplateProcessing" or a "Sequence" of them');
  }
}

/** Reads `single`: special tokens around one `Sequence` A. */
function readTemplateProcessing(processor: Fields, vocab: number): Template {
  const specialTokens = processor.object('special_tokens');
  const [prefix, suffix]: [number[], number[]] = [[], []];
  let texts = 0;
  for (const piece of processor.children('single')) {
    if (piece.has('Sequence')) {
      texts++;
      continue;
    }
    const token = specialTokens.object(piece.object('SpecialToken').string('id'));
    (texts === 0 ? prefix : suffix).push(...token.integers('ids', 0, vocab - 1));
  }
  if (texts !== 1) throw processor.unsupported('single', 'one Sequence among special tokens');
  return { prefix, suffix };
}
