/**
 * tokenizer.json of Hugging Face tokenizers: read strictly into what a byte-level BPE tokenizer needs. Every setting that would change
 * the result and is not implemented is refused by name; `truncation` and `padding` do not touch the tokens of a text and are left alone.
 * Normalisers and BPE over characters are in tokenizer-kinds.ts.
 * Source: the serialised form of Hugging Face tokenizers 0.13 to 0.23.
 * @module
 */
import { Fields } from '../formats/fields.ts';
import type { JsonValue } from '../formats/json.ts';
import type { AddedToken } from './added-tokens.ts';
import { CHARACTERS, unspell } from './byte-alphabet.ts';
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

/** @returns the text in the form that pieces are cut from; of an empty text an empty one */
export type Normalizer = (text: string) => string;

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
  /** What a text is first brought to; without it texts stay as they are. */
  readonly normalize?: Normalizer;
  readonly split: Splitter;
  /** The tokens that merging a piece starts from; without it they are those of its bytes. */
  readonly symbolsOf?: (piece: string) => Int32Array;
  readonly addedTokens: readonly AddedToken[];
  /** Spaces at the front of a whole text that encoding has put there: decoding takes as many off. */
  readonly leadingSpaces?: number;
}

/** The same before its tables are built. */
export interface LooseParts extends Omit<TokenizerParts, keyof TokenTable | 'pairs'> {
  /** The bytes of each token, by id. */
  readonly tokens: readonly Uint8Array[];
  readonly merges: Merges;
}

/** Builds the tables. @param vocab V of the model: ids above the last token are legal, and stand for nothing */
export function buildTables({ tokens, merges, ...parts }: LooseParts, vocab: number): TokenizerParts {
  return { ...parts, ...joinTokens(tokens, tokens.length, vocab), pairs: new PairTable(merges, tokens.length) };
}

/** The whole file. @throws {ForetokenError} `tokenizer.type`; `tokenizer.unsupported` for another version */
export function openFile(json: JsonValue, what: string): Fields {
  const file = new Fields(json, 'tokenizer', what);
  if (file.string('version', '1.0') !== '1.0') throw file.unsupported('version', '"1.0"');
  return file;
}

/** Whether tokens stand for bytes, spelled in the byte alphabet. */
export function isByteLevel(file: Fields): boolean {
  return file.object('decoder').string('type') === 'ByteLevel';
}

/**
 * Reads a tokenizer.json of any kind; what most need not is fetched for those that do.
 * @throws {ForetokenError} what `readTokenizerParts` of tokenizer-kinds.ts states
 */
export async function loadTokenizerParts(json: JsonValue, what: string, modelVocab: number): Promise<TokenizerParts> {
  const file = openFile(json, what);
  if (!file.has('normalizer') && isByteLevel(file)) return readByteLevel(file, modelVocab);
  const { readTokenizerParts } = await import('./tokenizer-kinds.ts');
  return readTokenizerParts(json, what, modelVocab);
}

/** Byte-level BPE. */
export function readByteLevel(file: Fields, modelVocab?: number, normalize?: Normalizer): TokenizerParts {
  const model = file.object('model');
  checkModel(model);
  if (model.boolean('byte_fallback', false)) throw model.unsupported('byte_fallback', 'false');
  const split = readSplitter(file.object('pre_tokenizer'));
  const spellings = readSpellings(model);
  const addedTokens = readAddedTokens(file);
  const table = tokenTable(spellings, addedTokens, file, modelVocab, (spelling, added) =>
    added ? undefined : unspell(spelling),
  );
  return {
    ...table,
    byteTokens: Int32Array.from(CHARACTERS, (character) => spellings.get(character) ?? -1),
    pairs: readMerges(model, spellings, table.offsets.length - 1),
    wholePieces: readWholePieces(model, spellings, addedTokens),
    unknownToken: readUnknown(model, spellings),
    fuseUnknown: model.boolean('fuse_unk', false),
    ...(normalize && { normalize }),
    split,
    addedTokens,
    ...readTemplate(file.child('post_processor'), table.vocab),
  };
}

/** Refuses every model but BPE, and what none of ours does. */
export function checkModel(model: Fields): void {
  if (model.string('type', 'BPE') !== 'BPE') throw model.unsupported('type', '"BPE" without foretoken/peer-tokenizer');
  if (model.number('dropout', 0, 1, 0) !== 0) throw model.unsupported('dropout', 'null');
  for (const name of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    if (model.string(name, '') !== '') throw model.unsupported(name, 'null');
  }
}

function readWholePieces(model: Fields, spellings: Spellings, addedTokens: readonly AddedToken[]): Spellings {
  if (!model.boolean('ignore_merges', false)) return new Map();
  const pieces = new Map(spellings);
  for (const { special, content } of addedTokens) if (special) pieces.delete(content);
  return pieces;
}

export function readUnknown(model: Fields, spellings: Spellings): number {
  if (!model.has('unk_token')) return -1;
  const id = spellings.get(model.string('unk_token'));
  if (id === undefined) throw model.range('unk_token', 'a token of the vocabulary');
  return id;
}

export function readTemplate(processor: Fields | undefined, vocab: number): Template {
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
