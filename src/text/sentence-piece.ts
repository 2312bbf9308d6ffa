/**
 * SentencePiece's BPE, as GGUF files of Llama 2 and its kin hold it: tokens with scores instead of merges, characters instead of bytes.
 *
 * A space is put in front of a text, spaces become "▁", and the text falls into its characters. Then, while any neighbours form a token, those
 * that form the token of the highest score are merged, the leftmost of equals first. A character that is no token is spelled in tokens of its
 * bytes, `<0xE2>`, or becomes the unknown token.
 * Source: Kudo and Richardson, 2018, arXiv 1808.06226, and the BPE model of google/sentencepiece 0.2.
 *
 * Two tokens of one score are merged in the order of their ids, not of their places; SentencePiece gives no two tokens one score.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import type { Fields } from '../formats/fields.ts';
import type { GgufMetadata } from '../formats/gguf.ts';
import type { AddedToken } from './added-tokens.ts';
import type { Merges } from './byte-pairs.ts';
import { aroundTexts, TOKEN_TYPE, textList, typesOf } from './gguf-tokenizer.ts';
import { byteOf, SPACE, symbolsOf } from './pieces.ts';
import type { LooseParts } from './tokenizer-file.ts';

/**
 * Largest numbers accepted: tokens as for a tokenizer.json, characters of one (the longest published have about 100), and places where a token
 * could be cut in two (published vocabularies have up to 3 million).
 */
const MOST = { vocab: 2 ** 20, units: 512, cuts: 2 ** 23 } as const;

/**
 * @param fields the metadata, for errors of area `tokenizer`
 * @param modelVocab V of the model: ids above the last token are legal, and stand for nothing
 * @throws {ForetokenError} `tokenizer.missing`, `tokenizer.type`, `tokenizer.range` for a key; `tokenizer.unsupported` for white space that is
 *   taken out; `tokenizer.duplicate`, `tokenizer.vocab`
 */
export function sentencePiece(fields: Fields, metadata: GgufMetadata, modelVocab: number): LooseParts {
  const tokens = textList(fields, 'tokenizer.ggml.tokens');
  if (tokens.length === 0 || tokens.length > Math.min(modelVocab, MOST.vocab)) {
    throw new ForetokenError('tokenizer.vocab', `${fields.what}: ${tokens.length} tokens, expected 1 to ${modelVocab}`);
  }
  const types = typesOf(fields, metadata, tokens.length);
  const removes = 'tokenizer.ggml.remove_extra_whitespaces';
  if (fields.boolean(removes, false)) throw fields.unsupported(removes, 'false');
  const prefix = fields.boolean('tokenizer.ggml.add_space_prefix', true) ? SPACE : '';

  const bytes = byteTokens(tokens, types, fields);
  const pieces = normalPieces(tokens, types, fields);
  const unknown = types.indexOf(TOKEN_TYPE.unknown);
  const { before, after } = aroundTexts(fields, tokens.length, fields.has('tokenizer.ggml.bos_token_id'));
  return {
    tokens: tokens.map((token, id) => tokenBytes(token, types[id]!)),
    byteTokens: bytes,
    merges: mergesOf(pieces, scoresOf(fields, metadata, tokens.length), fields),
    wholePieces: new Map(),
    unknownToken: unknown,
    fuseUnknown: false,
    split: (text, visit) => visit(prefix + text.replaceAll(' ', SPACE)),
    symbolsOf: (piece) => symbolsOf(piece, { pieces, bytes, unknown, fuseUnknown: false }),
    addedTokens: addedTokens(tokens, types, fields),
    leadingSpaces: prefix.length,
    prefix: before,
    suffix: after,
  };
}

function scoresOf(fields: Fields, metadata: GgufMetadata, count: number): Float32Array {
  const name = 'tokenizer.ggml.scores';
  if (!fields.has(name)) throw new ForetokenError('tokenizer.missing', `${fields.what}: "${name}" is missing`);
  const scores = metadata.get(name);
  if (scores instanceof Float32Array && scores.length === count && scores.every(Number.isFinite)) return scores;
  throw fields.range(name, `a finite f32 for each of ${count} tokens`);
}

/** (256,) the token of each byte, spelled `<0xE2>`; -1 where there is none. */
function byteTokens(tokens: readonly string[], types: Int32Array, fields: Fields): Int32Array {
  const bytes = new Int32Array(256).fill(-1);
  for (const [id, token] of tokens.entries()) {
    if (types[id] !== TOKEN_TYPE.byte) continue;
    const byte = byteOf(token);
    if (byte === undefined) {
      throw new ForetokenError('tokenizer.range', `${fields.what}: ${quote(token)} is no token of a byte`);
    }
    bytes[byte] = id;
  }
  return bytes;
}

/** Ids of the tokens that merging may make, by their text. */
function normalPieces(tokens: readonly string[], types: Int32Array, fields: Fields): ReadonlyMap<string, number> {
  const pieces = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    if (types[id] !== TOKEN_TYPE.normal) continue;
    if (token === '' || token.length > MOST.units) {
      throw new ForetokenError(
        'tokenizer.range',
        `${fields.what}: token ${id} has ${token.length} characters, expected 1 to ${MOST.units}`,
      );
    }
    if (pieces.has(token)) {
      throw new ForetokenError(
        'tokenizer.duplicate',
        `${fields.what}: ${quote(token)} is token ${pieces.get(token)} and ${id}`,
      );
    }
    pieces.set(token, id);
  }
  return pieces;
}

function addedTokens(tokens: readonly string[], types: Int32Array, fields: Fields): AddedToken[] {
  const added = new Map<string, AddedToken>();
  for (const [id, content] of tokens.entries()) {
    const special = types[id] === TOKEN_TYPE.control;
    if (!special && types[id] !== TOKEN_TYPE.userDefined) continue;
    if (content === '' || content.length > MOST.units) {
      throw new ForetokenError(
        'tokenizer.range',
        `${fields.what}: token ${id} has ${content.length} characters, expected 1 to ${MOST.units}`,
      );
    }
    if (added.has(content)) {
      throw new ForetokenError('tokenizer.duplicate', `${fields.what}: ${quote(content)} is an added token twice`);
    }
    added.set(content, { id, content, special, normalized: false, lstrip: false, rstrip: false });
  }
  return [...added.values()];
}

/** Every way to make a token of two. Ways to make the same token have one rank, that of its score. */
function mergesOf(pieces: ReadonlyMap<string, number>, scores: Float32Array, fields: Fields): Merges {
  const ranked = [...pieces].sort(([, a], [, b]) => scores[b]! - scores[a]! || a - b);
  const cuts = ranked.reduce((sum, [text]) => sum + text.length - 1, 0);
  if (cuts > MOST.cuts) {
    throw new ForetokenError(
      'tokenizer.vocab',
      `${fields.what}: ${cuts} places to cut tokens, expected at most ${MOST.cuts}`,
    );
  }
  const [left, right, ranks]: [number[], number[], number[]] = [[], [], []];
  for (const [rank, [text]] of ranked.entries()) {
    for (let cut = 1; cut < text.length; cut++) {
      const [a, b] = [pieces.get(text.slice(0, cut)), pieces.get(text.slice(cut))];
      if (a === undefined || b === undefined) continue;
      left.push(a);
      right.push(b);
      ranks.push(rank);
    }
  }
  return {
    left: Int32Array.from(left),
    right: Int32Array.from(right),
    merged: Int32Array.from(ranked, ([, id]) => id),
    ranks: Int32Array.from(ranks),
  };
}

/** What a token stands for in a text. Those that nothing uses stand for nothing. */
function tokenBytes(token: string, type: number): Uint8Array {
  if (type === TOKEN_TYPE.byte) return Uint8Array.of(byteOf(token)!);
  if (type === TOKEN_TYPE.unused) return new Uint8Array(0);
  return new TextEncoder().encode(type === TOKEN_TYPE.normal ? token.replaceAll(SPACE, ' ') : token);
}
