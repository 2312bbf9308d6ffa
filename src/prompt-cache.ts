/**
 * Prompt cache: snapshots of conversations, found by the longest beginning that a prompt has in common with them.
 *
 *   stored      A B C D E          prompt   A B X Y    the third serves best: B and its beginning are loaded,
 *               A C                                    X is computed, Y is the prompt's last token
 *               A B X Z
 *
 * What is loaded has the bits of a fresh computation: keys and values of a position depend on the tokens up to it alone. One that is the
 * beginning of another is not kept beside it. Prompts are compared with every snapshot: each takes megabytes, so there are hundreds at most, and
 * a comparison stops at the first difference.
 *
 *   file   magic u32, version u32, check u32, count u32, then for each snapshot, the least recently used first:
 *          tokens u32, bytes u32, the tokens as u32, the bytes of its cache (a multiple of 4); little-endian
 *
 * @module
 */
import { checkNames, outOfRange, wrongType } from './check-options.ts';
import { ForetokenError } from './errors.ts';
import { aligned } from './formats/byte-source.ts';
import type { Conversation, Model, Prompt, Snapshot } from './model.ts';

export interface PromptCacheOptions {
  /** Most bytes that snapshots may take; those that were used longest ago go first. Default 256 MiB. */
  readonly bytes?: number;
}

const DEFAULT_BYTES = 256 * 2 ** 20;
const MAGIC = 0x63_70_74_66; // "ftpc"
const VERSION = 1;
const HEADER_WORDS = 4;

/**
 * @example
 * const cache = new PromptCache({ bytes: 64e6 });
 * const conversation = cache.conversation(model, prompt); // holds what is known of the prompt
 * await conversation.generate(prompt).text();
 * cache.add(conversation.save());
 * conversation.dispose();
 */
export class PromptCache {
  readonly #most: number;
  /** The least recently used first. */
  readonly #snapshots = new Set<Snapshot>();
  #bytes = 0;

  /** @throws {ForetokenError} `option.*` */
  constructor(options: PromptCacheOptions = {}) {
    checkNames(options, ['bytes']);
    const { bytes = DEFAULT_BYTES } = options;
    if (typeof bytes !== 'number') throw wrongType('bytes', 'a number', bytes);
    if (!(Number.isSafeInteger(bytes) && bytes > 0)) throw outOfRange('bytes', 'a whole number of 1 or more', bytes);
    this.#most = bytes;
  }

  /** What the snapshots take. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many snapshots there are. */
  get size(): number {
    return this.#snapshots.size;
  }

  /**
   * Keeps a snapshot, of which the caller changes nothing afterwards. Snapshots that are a beginning of it are let go, then those that were used
   * longest ago, until there is room.
   * @throws {ForetokenError} `session.snapshot` for something else than a conversation's `save` gives
   * @returns false where it is not kept: it is the beginning of another, which then counts as used, or takes more than all may
   */
  add(snapshot: Snapshot): boolean {
    const { tokens, cache } = (snapshot ?? {}) as Partial<Snapshot>;
    if (!Array.isArray(tokens) || !(cache instanceof Uint8Array) || cache.length % 4 !== 0) {
      throw new ForetokenError('session.snapshot', "expected a snapshot: what a conversation's `save` gives");
    }
    const bytes = bytesOf(snapshot);
    if (tokens.length === 0 || bytes > this.#most) return false;
    for (const other of this.#snapshots) {
      const shared = commonLength(tokens, other.tokens);
      if (shared === tokens.length) {
        this.#use(other);
        return false;
      }
      if (shared === other.tokens.length) this.#remove(other);
    }
    for (const oldest of this.#snapshots) {
      if (this.#bytes + bytes <= this.#most) break;
      this.#remove(oldest);
    }
    this.#snapshots.add(snapshot);
    this.#bytes += bytes;
    return true;
  }

  /** The snapshot that has the longest beginning in common with a prompt, of at least one token; it counts as used. */
  find(prompt: ArrayLike<number>): Snapshot | undefined {
    let [found, longest]: [Snapshot | undefined, number] = [undefined, 0];
    for (const snapshot of this.#snapshots) {
      const shared = commonLength(prompt, snapshot.tokens);
      if (shared > longest) [found, longest] = [snapshot, shared];
    }
    if (found) this.#use(found);
    return found;
  }

  /**
   * A conversation that holds what is known of a prompt; it computes the rest.
   *
   * @throws {ForetokenError} `session.full` when all sessions of the model are in use; `session.snapshot` when the best snapshot is of another
   *   model; `prompt.tokenizer`, `model.disposed`
   */
  conversation(model: Model, prompt: Prompt): Conversation {
    return model.conversation(this.find(model.encode(prompt)));
  }

  /** All snapshots as bytes, for `load` in this process or another. */
  save(): Uint8Array {
    const bytes = new Uint8Array(HEADER_WORDS * 4 + this.#bytes + 8 * this.size);
    const words = new Uint32Array(bytes.buffer);
    let at = HEADER_WORDS;
    for (const { tokens, cache } of this.#snapshots) {
      words.set([tokens.length, cache.length], at);
      words.set(tokens, at + 2);
      at += 2 + tokens.length;
      bytes.set(cache, at * 4);
      at += cache.length / 4;
    }
    words[3] = this.size;
    words.set([MAGIC, VERSION, checkOf(words)]);
    return bytes;
  }

  /**
   * Adds the snapshots of `save`. Whether they are of a model is checked when they are loaded into it.
   * @throws {ForetokenError} `cache.file` when the bytes are not of a prompt cache, of another version, cut short, or changed; nothing is added then
   */
  load(bytes: Uint8Array): void {
    for (const snapshot of readSnapshots(bytes)) this.add(snapshot);
  }

  #use(snapshot: Snapshot): void {
    this.#snapshots.delete(snapshot);
    this.#snapshots.add(snapshot);
  }

  #remove(snapshot: Snapshot): void {
    this.#snapshots.delete(snapshot);
    this.#bytes -= bytesOf(snapshot);
  }
}

/** What a snapshot takes, here and in a file. */
function bytesOf({ tokens, cache }: Snapshot): number {
  return tokens.length * 4 + cache.length;
}

function commonLength(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

function readSnapshots(bytes: Uint8Array): readonly Snapshot[] {
  const refuse = (reason: string) => new ForetokenError('cache.file', `not a prompt cache of this version: ${reason}`);
  if (!(bytes instanceof Uint8Array)) throw refuse('no bytes');
  if (bytes.length < HEADER_WORDS * 4 || bytes.length % 4 !== 0) throw refuse(`${bytes.length} bytes`);
  const whole = aligned(bytes, 4);
  const words = new Uint32Array(whole.buffer, whole.byteOffset, whole.length / 4);
  const [magic, version, check, count] = words;
  if (magic !== MAGIC || version !== VERSION) throw refuse(`it begins with ${magic} ${version}`);
  if (check !== checkOf(words)) throw refuse('its bytes are not those that were written');
  const snapshots: Snapshot[] = [];
  let at = HEADER_WORDS;
  for (let i = 0; i < count!; i++) {
    const [tokens = 0, cacheBytes = 0] = words.subarray(at, at + 2);
    const from = at + 2 + tokens;
    at = from + cacheBytes / 4;
    if (!(tokens > 0 && Number.isInteger(at) && at <= words.length)) throw refuse(`snapshot ${i} does not fit`);
    snapshots.push({
      tokens: [...words.subarray(from - tokens, from)],
      cache: whole.slice(from * 4, at * 4),
    });
  }
  if (at !== words.length) throw refuse(`${words.length - at} words at the end`);
  return snapshots;
}

/** FNV-1a over all words but the header's first three: a file that was cut, or in which a byte was changed, is told. */
function checkOf(words: Uint32Array): number {
  let hash = 0x811c9dc5;
  for (let i = 3; i < words.length; i++) hash = Math.imul(hash ^ words[i]!, 0x01000193);
  return hash >>> 0;
}
