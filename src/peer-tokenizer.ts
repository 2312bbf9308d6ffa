/**
 * Tokenizers that are not built in, by the optional peer `@huggingface/tokenizers`: WordPiece, Unigram, other patterns, normalisers and decoders.
 *
 *   import { load } from 'foretoken';
 *   import { peerTokenizer } from 'foretoken/peer-tokenizer';
 *   const model = await load('path/to/model', { tokenizer: peerTokenizer });
 *
 * Never chosen by itself: the peer runs regular expressions out of the file, with this host's Unicode, so neither its time nor its tokens are promised to
 * be the same everywhere. What ours promise of special tokens and of whole characters holds here, too.
 * @module
 */
import { ForetokenError, quote } from './errors.ts';
import type { JsonValue } from './formats/json.ts';
import type { TokenizerReader } from './load.ts';
import type { AddedToken } from './text/added-tokens.ts';
import type { TextTokenizer } from './text/text-tokenizer.ts';
import { allowedTokens, type EncodeOptions, wrongType } from './text/tokenizer.ts';

/** What is used of the peer's class. */
interface Peer {
  encode(text: string, options: { add_special_tokens: boolean }): { readonly ids: readonly number[] };
  decode(ids: number[], options: { clean_up_tokenization_spaces: boolean }): string;
}
type PeerClass = new (file: object, config: object) => Peer;

// biome-ignore lint/suspicious/noExplicitAny: a file that only the peer understands
type PlainFile = any;

/** Variants with another choice of special tokens that are kept. */
const MOST_VARIANTS = 4;

/**
 * For the option `tokenizer` of `load`.
 *
 * @throws {ForetokenError} `tokenizer.peer` when the package is missing or refuses the file; `tokenizer.unsupported` for pieces of SentencePiece in a GGUF file
 */
export const peerTokenizer: TokenizerReader = async (file, vocab) => {
  if (!('json' in file)) {
    throw new ForetokenError('tokenizer.unsupported', `${file.name}: the peer reads no SentencePiece pieces; ours do`);
  }
  let module: { readonly Tokenizer: PeerClass };
  try {
    module = (await import('@huggingface/tokenizers')) as unknown as typeof module;
  } catch (cause) {
    const advice = 'install it beside foretoken: npm install @huggingface/tokenizers';
    throw new ForetokenError('tokenizer.peer', `${file.name}: @huggingface/tokenizers is missing; ${advice}`, {
      cause,
    });
  }
  return new PeerTokenizer(module.Tokenizer, plain(file.json), file.name, vocab);
};

/** Objects as the peer takes them. */
function plain(value: JsonValue): PlainFile {
  if (Array.isArray(value)) return value.map(plain);
  return value instanceof Map ? Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)])) : value;
}

export class PeerTokenizer implements TextTokenizer {
  readonly kind: string;
  readonly vocab: number;
  readonly addedTokens: readonly AddedToken[];
  readonly prefix: readonly number[];
  readonly suffix: readonly number[];
  readonly #Peer: PeerClass;
  readonly #file: PlainFile;
  readonly #what: string;
  /** Finds every special token; decodes. */
  readonly #all: Peer;
  readonly #variants = new Map<string, Peer>();
  /** Ids that the file has a token for. */
  readonly #known: ReadonlySet<number>;

  /** @param file a tokenizer.json as plain objects @param what its name, for messages @throws {ForetokenError} `tokenizer.peer` */
  constructor(Peer: PeerClass, file: PlainFile, what: string, vocab: number) {
    this.#Peer = Peer;
    this.#what = what;
    this.#file = {
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      ...file,
    };
    this.vocab = vocab;
    this.kind = `${file?.model?.type ?? 'BPE'}, by @huggingface/tokenizers`;
    this.addedTokens = this.#call(() => this.#file.added_tokens.map((token: AddedToken) => ({ ...token })));
    this.#all = this.#call(() => new Peer(this.#file, {}));
    this.#known = new Set(this.#call(() => idsOf(this.#file)));
    const highest = [...this.#known].reduce((most, id) => Math.max(most, id), 0);
    if (highest >= vocab) throw this.#fault(`it has token ${highest}, and the model only ${vocab} tokens`);
    const { model } = this.#file;
    if (
      model.type === 'Unigram' &&
      model.byte_fallback &&
      this.#ids(this.#all, '\u{10fffd}', false).includes(model.unk_id)
    ) {
      throw this.#fault('its Unigram spells no characters in bytes');
    }
    const [bare, whole] = [false, true].map((add) => this.#ids(this.#all, 'a', add));
    const start = whole!.findIndex((_, i) => bare!.every((id, j) => whole![i + j] === id));
    if (start < 0) throw this.#fault('its post-processor does more than put tokens around a text');
    this.prefix = whole!.slice(0, start);
    this.suffix = whole!.slice(start + bare!.length);
  }

  encode(text: string, options: EncodeOptions = {}): Int32Array {
    if (typeof text !== 'string') throw wrongType('text', text, 'a string');
    const allowed = allowedTokens(options.allowSpecial ?? false, (content) => this.specialToken(content));
    const ids = this.#ids(this.#variant(allowed), text.replace(/\p{Surrogate}/gu, '\ufffd'), false);
    return Int32Array.from(options.addSpecial ? [...this.prefix, ...ids, ...this.suffix] : ids);
  }

  decode(ids: Iterable<number>): string {
    if (typeof ids?.[Symbol.iterator] !== 'function') throw wrongType('ids', ids, 'an iterable of token ids');
    const known = Array.from(ids, (id) => this.#checked(id)).filter((id) => this.#known.has(id));
    if (known.length === 0) return '';
    return this.#call(() => this.#all.decode(known, { clean_up_tokenization_spaces: false }));
  }

  detokenizer(): PeerDetokenizer {
    const [anchor] = this.encode('a').slice(-1);
    return new PeerDetokenizer((ids) => this.decode(ids), anchor ?? 0);
  }

  specialToken(content: string): number | undefined {
    return this.addedTokens.find((token) => token.special && token.content === content)?.id;
  }

  /** A peer to which the other special tokens are unknown: neither found in a text nor made by the model. */
  #variant(allowed: (token: AddedToken) => boolean): Peer {
    const hidden = this.addedTokens.filter((token) => token.special && !allowed(token));
    if (hidden.length === 0) return this.#all;
    const key = hidden.map(({ id }) => id).join();
    let peer = this.#variants.get(key);
    if (!peer) {
      peer = this.#call(() => new this.#Peer(without(this.#file, hidden), {}));
      if (this.#variants.size === MOST_VARIANTS) this.#variants.clear();
      this.#variants.set(key, peer);
    }
    return peer;
  }

  #ids(peer: Peer, text: string, add: boolean): readonly number[] {
    if (text === '' && !add) return [];
    const { ids } = this.#call(() => peer.encode(text, { add_special_tokens: add }));
    for (const id of ids) {
      if (!(Number.isInteger(id) && id >= 0 && id < this.vocab))
        throw this.#fault(`it gives token ${quote(String(id))}`);
    }
    return ids;
  }

  #checked(id: number): number {
    if (Number.isInteger(id) && id >= 0 && id < this.vocab) return id;
    throw new ForetokenError('tokenizer.token', `token ${id}: expected 0..${this.vocab - 1}`);
  }

  #call<Result>(run: () => Result): Result {
    try {
      return run();
    } catch (cause) {
      if (cause instanceof ForetokenError) throw cause;
      throw this.#fault(quote(String((cause as Error)?.message ?? cause)), cause);
    }
  }

  #fault(problem: string, cause?: unknown): ForetokenError {
    return new ForetokenError('tokenizer.peer', `${this.#what}: @huggingface/tokenizers cannot read it: ${problem}`, {
      cause,
    });
  }
}

/** Ids of all tokens of a file. */
function idsOf({ model, added_tokens }: PlainFile): number[] {
  const ofModel: number[] = Array.isArray(model.vocab) ? [...model.vocab.keys()] : Object.values(model.vocab);
  return [...ofModel, ...added_tokens.map(({ id }: AddedToken) => id)];
}

/** The file with some tokens called by names that no text holds: a high surrogate and a digit. */
function without(file: PlainFile, hidden: readonly AddedToken[]): PlainFile {
  const names = new Map(hidden.map(({ content, id }) => [content, `\ud800${id}`]));
  const renamed = (name: string) => names.get(name) ?? name;
  const { model } = file;
  return {
    ...file,
    added_tokens: file.added_tokens.filter(({ content }: AddedToken) => !names.has(content)),
    post_processor: null,
    model: {
      ...model,
      ...(typeof model.unk_token === 'string' && { unk_token: renamed(model.unk_token) }),
      vocab: Array.isArray(model.vocab)
        ? model.vocab.map(([name, score]: [string, number]) => [renamed(name), score])
        : Object.fromEntries(Object.entries(model.vocab).map(([name, id]) => [renamed(name), id])),
    },
  };
}

/** Tokens that are decoded together, and how many of them go on as context of the next. */
const WINDOW = { most: 64, kept: 16 } as const;

/**
 * Text from tokens as they come, by a decoder that knows whole texts only: of the last tokens, decoded together, what was not given before. What could be a
 * part of a character, U+FFFD at the end, waits.
 */
export class PeerDetokenizer {
  readonly #decode: (ids: readonly number[]) => string;
  /** A token of an ordinary word in front: what follows it goes on from a text, and keeps its space. */
  readonly #anchor: number;
  #window: number[] = [];
  /** UTF-16 units of the window's text that were given. */
  #given = 0;

  constructor(decode: (ids: readonly number[]) => string, anchor: number) {
    this.#decode = decode;
    this.#anchor = anchor;
    this.#restart();
  }

  /** @throws {ForetokenError} `tokenizer.token` when the id is not in the vocabulary; nothing is taken in then */
  push(id: number): string {
    const text = this.#decode([...this.#window, id]);
    this.#window.push(id);
    const whole = text.replace(/\ufffd+$/, '');
    const piece = whole.slice(this.#given);
    this.#given = Math.max(this.#given, whole.length);
    if (whole === text && this.#window.length >= WINDOW.most) this.#shorten(text);
    return piece;
  }

  /** Ends the text. The next push begins a new one. */
  flush(): string {
    const rest = this.#decode(this.#window).slice(this.#given);
    this.#restart();
    return rest;
  }

  #restart(): void {
    this.#window = [this.#anchor];
    this.#given = this.#decode(this.#window).length;
  }

  /** Goes on with the last tokens, where they are decoded alone as they were together. */
  #shorten(text: string): void {
    const kept = this.#window.slice(-WINDOW.kept);
    const alone = this.#decode(kept);
    if (!text.endsWith(alone.trimStart())) return;
    this.#window = kept;
    this.#given = alone.length;
  }
}
