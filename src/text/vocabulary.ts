/**
 * The vocabulary of a tokenizer.json: ids, the bytes that they stand for, and merges, all checked against each other.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { type Fields, isInteger } from '../formats/fields.ts';
import type { JsonValue } from '../formats/json.ts';
import type { AddedToken } from './added-tokens.ts';
import { PairTable } from './byte-pairs.ts';

/** Largest numbers accepted: a few times those of the largest published files, and small enough that keys of pairs stay exact. */
const MOST = { vocab: 2 ** 20, merges: 2 ** 21, contentUnits: 128 } as const;

/** Id of each token of the BPE model by its spelling in the byte alphabet. */
export type Spellings = ReadonlyMap<string, number>;

/** The bytes that tokens stand for. The model's vocabulary may be larger than the tokenizer's: no table has room for ids without a token. */
export interface TokenTable {
  /** V of the model: ids are 0..vocab - 1. */
  readonly vocab: number;
  /** The bytes of all K tokens, one after the other. */
  readonly bytes: Uint8Array;
  /** (K + 1,) where the bytes of each token start. */
  readonly offsets: Int32Array;
}

function fault(code: string, { what }: Fields, problem: string): ForetokenError {
  return new ForetokenError(code, `${what}: ${problem}`);
}

/** @throws {ForetokenError} `tokenizer.missing`, `tokenizer.type`, `tokenizer.range`, `tokenizer.vocab` */
export function readSpellings(model: Fields): Spellings {
  const vocabulary = model.map('vocab');
  if (vocabulary.size > MOST.vocab) {
    throw fault('tokenizer.vocab', model, `${vocabulary.size} tokens, expected at most ${MOST.vocab}`);
  }
  for (const [spelling, id] of vocabulary) {
    if (spelling === '') throw fault('tokenizer.range', model, 'a token of no characters');
    if (!isInteger(id, 0, MOST.vocab - 1)) {
      const code = typeof id === 'number' ? 'tokenizer.range' : 'tokenizer.type';
      throw fault(code, model, `the id of ${quote(spelling)} is not an integer from 0 to ${MOST.vocab - 1}`);
    }
  }
  return vocabulary as Spellings;
}

/** @throws {ForetokenError} `tokenizer.missing`, `tokenizer.type`, `tokenizer.range`, `tokenizer.unsupported` */
export function readAddedTokens(file: Fields): AddedToken[] {
  if (!file.has('added_tokens')) return [];
  return file.children('added_tokens').map((entry) => {
    const content = entry.string('content');
    if (content === '' || content.length > MOST.contentUnits) {
      throw entry.range('content', `1 to ${MOST.contentUnits} UTF-16 units`);
    }
    if (entry.boolean('single_word', false)) throw entry.unsupported('single_word', 'false');
    const special = entry.boolean('special', false);
    return {
      id: entry.integer('id', 0, MOST.vocab - 1),
      content,
      special,
      normalized: entry.boolean('normalized', !special),
      lstrip: entry.boolean('lstrip', false),
      rstrip: entry.boolean('rstrip', false),
    };
  });
}

/**
 * Puts every token in its place. A token of the model stands for the bytes that it spells, an added token for its content.
 *
 * @param bytesOf the bytes that a token spells; undefined: it stands for itself
 * @param modelVocab V of the model, where known: ids above the last token are then legal, and stand for nothing
 * @throws {ForetokenError} `tokenizer.duplicate` when a token or an id is there twice; `tokenizer.gap` when an id below the last has no
 *   token; `tokenizer.vocab` when there is no token, or more than the model has
 */
export function tokenTable(
  spellings: Spellings,
  added: readonly AddedToken[],
  file: Fields,
  modelVocab: number | undefined,
  bytesOf: (spelling: string, added?: AddedToken) => Uint8Array | undefined,
): TokenTable {
  const contents = new Set(added.map(({ content }) => content));
  if (contents.size < added.length) throw fault('tokenizer.duplicate', file, 'two added tokens have the same content');
  const moved = added.find(({ id, content }) => (spellings.get(content) ?? id) !== id);
  if (moved)
    throw fault(
      'tokenizer.duplicate',
      file,
      `the added token ${quote(moved.content)} has another id in the vocabulary`,
    );

  const both = added.filter(({ content }) => spellings.has(content)).length;
  const count = spellings.size - both + added.length;
  const vocab = modelVocab ?? count;
  if (count === 0 || count > vocab)
    throw fault('tokenizer.vocab', file, `${count} tokens, expected 1 to ${modelVocab ?? MOST.vocab}`);

  const tokens: { readonly content: string; readonly added?: AddedToken }[] = [];
  const place = (id: number, content: string, token?: AddedToken) => {
    if (id >= count)
      throw fault('tokenizer.gap', file, `${quote(content)} has id ${id}, and there are only ${count} tokens`);
    if (tokens[id]) throw fault('tokenizer.duplicate', file, `${quote(content)} has id ${id}, as another token has`);
    tokens[id] = token ? { content, added: token } : { content };
  };
  for (const token of added) place(token.id, token.content, token);
  for (const [spelling, id] of spellings) if (!contents.has(spelling)) place(id, spelling);
  const encoder = new TextEncoder();
  const bytes = function* () {
    for (const { content, added } of tokens) yield bytesOf(content, added) ?? encoder.encode(content);
  };
  return joinTokens(bytes(), count, vocab);
}

/** Bytes of a token on average, which are made room for at first. */
const USUAL_BYTES = 8;

/**
 * @param tokens the bytes of each, by id; asked for one after the other, as arrays of their own take ten times the room of a usual token
 * @param count how many there are, at most `vocab`
 */
export function joinTokens(tokens: Iterable<Uint8Array>, count: number, vocab: number): TokenTable {
  const offsets = new Int32Array(count + 1);
  let bytes = new Uint8Array(count * USUAL_BYTES);
  let id = 0;
  for (const token of tokens) {
    const [start, end] = [offsets[id]!, offsets[id]! + token.length];
    if (end > bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * bytes.length));
      larger.set(bytes);
      bytes = larger;
    }
    bytes.set(token, start);
    offsets[++id] = end;
  }
  return { vocab, bytes: bytes.slice(0, offsets[count]), offsets };
}

/**
 * Merges as "a b" or ["a", "b"], in order of rank.
 *
 * @param tokens how many there are, added ones included: ids are below
 * @throws {ForetokenError} `tokenizer.type`; `tokenizer.merge` when an entry is not a pair, when a part or what they make is not a token,
 *   when a pair is there twice, or when there are too many
 */
export function readMerges(model: Fields, spellings: Spellings, tokens: number): PairTable {
  const entries = model.list('merges');
  const count = entries.length;
  if (count > MOST.merges) throw fault('tokenizer.merge', model, `${count} merges, expected at most ${MOST.merges}`);
  const [left, right, merged] = [new Int32Array(count), new Int32Array(count), new Int32Array(count)];
  const idOf = (token: string, rank: number): number => {
    const id = spellings.get(token);
    if (id === undefined)
      throw fault('tokenizer.merge', model, `merge ${rank} needs ${quote(token)}, which is not a token`);
    return id;
  };
  entries.forEach((entry, rank) => {
    const [a, b] = readPair(entry, rank, model);
    left[rank] = idOf(a, rank);
    right[rank] = idOf(b, rank);
    merged[rank] = idOf(a + b, rank);
  });

  const table = new PairTable({ left, right, merged }, tokens);
  const again = left.findIndex((id, rank) => table.rank(id, right[rank]!) !== rank);
  if (again >= 0) throw fault('tokenizer.merge', model, `merge ${again} is there twice`);
  return table;
}

function readPair(entry: JsonValue, rank: number, model: Fields): readonly [string, string] {
  const [a, b, more] = typeof entry === 'string' ? entry.split(' ') : Array.isArray(entry) ? entry : [];
  if (typeof a === 'string' && typeof b === 'string' && more === undefined) return [a, b];
  throw fault('tokenizer.merge', model, `merge ${rank} is not a pair of tokens`);
}
