/**
 * Every kind of tokenizer.json that is built in: what byte-level BPE does not need is here. Loaded only for a file that needs it.
 *
 * BPE over characters is what files converted from SentencePiece hold (Llama 2, Mistral, Gemma, Phi-3): "▁" for a space, put there by a
 * normaliser or by `Metaspace`; tokens of bytes for characters that have none; a decoder that undoes it.
 * @module
 */
import type { Fields } from '../formats/fields.ts';
import { type JsonValue, parseJson } from '../formats/json.ts';
import { nfc } from './nfc.ts';
import { byteOf, SPACE, symbolsOf } from './pieces.ts';
import { inOrder, type Splitter, whole } from './splitter.ts';
import { Tokenizer } from './tokenizer.ts';
import {
  checkModel,
  isByteLevel,
  type Normalizer,
  openFile,
  readByteLevel,
  readTemplate,
  readUnknown,
  type TokenizerParts,
} from './tokenizer-file.ts';
import { readAddedTokens, readMerges, readSpellings, tokenTable } from './vocabulary.ts';

/** Longest text that a normaliser puts in, UTF-16 units. */
const MOST_CONTENT = 128;

/**
 * Reads a tokenizer.json of any kind.
 *
 * @param json       what its text stands for
 * @param what       its name, for messages
 * @param modelVocab V of the model, where known: ids above the last token are then legal, and stand for nothing
 * @throws {ForetokenError} `tokenizer.missing`, `tokenizer.type`, `tokenizer.range` for a field; `tokenizer.unsupported` for a setting that
 *   is valid and not implemented; `tokenizer.duplicate`, `tokenizer.gap`, `tokenizer.vocab`, `tokenizer.merge`
 */
export function readTokenizerParts(json: JsonValue, what: string, modelVocab?: number): TokenizerParts {
  const file = openFile(json, what);
  checkModel(file.object('model'));
  const normalize = readNormalizer(file.child('normalizer'));
  return isByteLevel(file) ? readByteLevel(file, modelVocab, normalize) : readPieces(file, modelVocab, normalize);
}

/**
 * The tokenizer of a tokenizer.json.
 * @throws {ForetokenError} `file.json`, and what `readTokenizerParts` states
 * @example parseTokenizer(await readFile('tokenizer.json')).encode('Hello') // Int32Array [ 9906 ]
 */
export function parseTokenizer(bytes: Uint8Array, what = 'tokenizer.json', modelVocab?: number): Tokenizer {
  return new Tokenizer(readTokenizerParts(parseJson(bytes, what), what, modelVocab));
}

/** @returns undefined where texts stay as they are */
function readNormalizer(normalizer: Fields | undefined): Normalizer | undefined {
  switch (normalizer?.string('type')) {
    case undefined:
      return undefined;
    case 'NFC':
      return nfc;
    case 'Prepend': {
      const prepended = contentOf(normalizer!, 'prepend');
      return (text) => (text === '' ? text : prepended + text);
    }
    case 'Replace': {
      const replaced = stringPattern(normalizer!);
      const content = contentOf(normalizer!, 'content');
      return (text) => text.split(replaced).join(content);
    }
    case 'Sequence':
      return normalizer!
        .children('normalizers')
        .map(readNormalizer)
        .reduce((first, second) => (first && second ? (text) => second(first(text)) : (first ?? second)), undefined);
    default:
      throw normalizer!.unsupported('type', '"NFC", "Prepend", "Replace" or a "Sequence" of them');
  }
}

function contentOf(fields: Fields, name: string): string {
  const content = fields.string(name);
  if (content.length > MOST_CONTENT) throw fields.range(name, `at most ${MOST_CONTENT} UTF-16 units`);
  return content;
}

/** The text that a pattern stands for; regular expressions are refused. */
function stringPattern(fields: Fields): string {
  const text = fields.map('pattern').get('String');
  if (typeof text === 'string' && text !== '') return text;
  throw fields.unsupported('pattern', 'a "String"');
}

/** BPE over characters. */
function readPieces(file: Fields, modelVocab: number | undefined, normalize: Normalizer | undefined): TokenizerParts {
  const decoder = readDecoder(file.object('decoder'));
  const model = file.object('model');
  if (model.boolean('ignore_merges', false)) throw model.unsupported('ignore_merges', 'false');
  const spellings = readSpellings(model);
  const addedTokens = readAddedTokens(file);
  const encoder = new TextEncoder();
  const table = tokenTable(spellings, addedTokens, file, modelVocab, (token, added) => {
    // What a token stands for that was found after normalisation has the space in front.
    const spelling = added?.normalized && normalize ? normalize(token) : token;
    const byte = decoder.hasBytes ? byteOf(spelling) : undefined;
    return byte === undefined ? encoder.encode(spelling.replaceAll(SPACE, ' ')) : Uint8Array.of(byte);
  });
  const byteTokens = new Int32Array(256).fill(-1);
  if (model.boolean('byte_fallback', false)) {
    const tokenOf = (byte: number) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
    byteTokens.forEach((_, byte) => {
      byteTokens[byte] = spellings.get(tokenOf(byte)) ?? -1;
    });
  }
  const alphabet = {
    pieces: spellings,
    bytes: byteTokens,
    unknown: readUnknown(model, spellings),
    fuseUnknown: model.boolean('fuse_unk', false),
  };
  return {
    ...table,
    byteTokens,
    pairs: readMerges(model, spellings, table.offsets.length - 1),
    wholePieces: new Map(),
    unknownToken: alphabet.unknown,
    fuseUnknown: alphabet.fuseUnknown,
    ...(normalize && { normalize }),
    split: readSplitter(file.child('pre_tokenizer')),
    symbolsOf: (piece) => symbolsOf(piece, alphabet),
    addedTokens,
    leadingSpaces: decoder.leadingSpaces,
    ...readTemplate(file.child('post_processor'), table.vocab),
  };
}

/** How texts are cut before merging; mostly not at all. */
function readSplitter(preTokenizer: Fields | undefined): Splitter {
  switch (preTokenizer?.string('type')) {
    case undefined:
      return whole;
    case 'Metaspace':
      return readMetaspace(preTokenizer!);
    case 'Split':
      if (preTokenizer!.string('behavior') !== 'MergedWithPrevious' || preTokenizer!.boolean('invert', false)) {
        throw preTokenizer!.unsupported('behavior', '"MergedWithPrevious"');
      }
      return cutBehind(stringPattern(preTokenizer!));
    case 'Sequence':
      return preTokenizer!.children('pretokenizers').map(readSplitter).reduce(inOrder, whole);
    default:
      throw preTokenizer!.unsupported('type', '"Metaspace" or "Split"');
  }
}

/** Spaces become "▁"; one is put in front of every part, of the first part of a text, or of none; parts are cut before each or not at all. */
function readMetaspace(fields: Fields): Splitter {
  if (fields.string('replacement') !== SPACE) throw fields.unsupported('replacement', `"${SPACE}"`);
  const scheme = fields.string('prepend_scheme', 'always');
  if (!['always', 'first', 'never'].includes(scheme)) {
    throw fields.unsupported('prepend_scheme', '"always", "first" or "never"');
  }
  const prefixes = fields.boolean('add_prefix_space', true);
  if (!prefixes && scheme !== 'never' && fields.has('prepend_scheme')) {
    throw fields.unsupported('add_prefix_space', `true with a "prepend_scheme" of "${scheme}"`);
  }
  const prepend: Splitter = (text, visit, isFirst) => {
    const spelled = text.replaceAll(' ', SPACE);
    const wants = prefixes && (scheme === 'always' || (scheme === 'first' && isFirst));
    visit(wants && !spelled.startsWith(SPACE) ? SPACE + spelled : spelled);
  };
  return fields.boolean('split', true) ? inOrder(prepend, cutBefore(SPACE)) : prepend;
}

/** Cuts before every `mark`, one UTF-16 unit. */
function cutBefore(mark: string): Splitter {
  return (text, visit) => {
    for (let start = 0; start < text.length; ) {
      const next = text.indexOf(mark, start + 1);
      const end = next < 0 ? text.length : next;
      visit(text.slice(start, end));
      start = end;
    }
  };
}

function cutBehind(mark: string): Splitter {
  return (text, visit) => {
    for (let start = 0; start < text.length; ) {
      const next = text.indexOf(mark, start);
      const end = next < 0 ? text.length : next + mark.length;
      visit(text.slice(start, end));
      start = end;
    }
  };
}

/** What a decoder does besides putting spaces back. */
interface Decoder {
  /** Tokens like `<0xE2>` are bytes. */
  readonly hasBytes: boolean;
  /** Spaces that are taken off the front of a whole text. */
  readonly leadingSpaces: number;
}

/** `Replace` of "▁", then `ByteFallback`, `Fuse` and `Strip` as far as they are there, in this order. */
function readDecoder(decoder: Fields): Decoder {
  const stages = decoder.string('type') === 'Sequence' ? decoder.children('decoders') : [decoder];
  const expected = ['Replace', 'ByteFallback', 'Fuse', 'Strip'];
  const types = stages.map((stage) => stage.string('type'));
  const places = types.map((type) => expected.indexOf(type));
  const inTurn = places.every((place, i) => place > (i === 0 ? -1 : places[i - 1]!));
  const [replace] = stages;
  if (!inTurn || types[0] !== 'Replace') {
    throw decoder.unsupported('type', '"ByteLevel", or a "Sequence" of "Replace", "ByteFallback", "Fuse" and "Strip"');
  }
  if (stringPattern(replace!) !== SPACE || replace!.string('content') !== ' ') {
    throw replace!.unsupported('pattern', `"${SPACE}" as a space`);
  }
  const strip = stages[types.indexOf('Strip')];
  if (strip && (!types.includes('Fuse') || strip.string('content') !== ' ' || strip.integer('stop', 0, 0) !== 0)) {
    throw strip.unsupported('content', 'spaces at the front of a fused text');
  }
  return { hasBytes: types.includes('ByteFallback'), leadingSpaces: strip?.integer('start', 0, MOST_CONTENT) ?? 0 };
}
