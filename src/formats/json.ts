/**
 * A strict JSON reader for files from outside: headers, configs, indexes, tokenizers.
 *
 * It differs from `JSON.parse` where that would hide something: a name given twice is refused instead of the last one winning,
 * objects come back as Maps so that `__proto__` is a name like any other, numbers that overflow (1e400) and unpaired
 * surrogates are refused, and depth, bytes and the number of values are bounded.
 * Source: RFC 8259.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';

export type JsonValue = null | boolean | number | string | JsonArray | JsonObject;
export type JsonArray = readonly JsonValue[];
/** In the order of the file. */
export type JsonObject = ReadonlyMap<string, JsonValue>;

export interface JsonLimits {
  /** Largest text, bytes. Default 128 MiB. */
  readonly bytes?: number;
  /** Largest nesting of arrays and objects. Default 64. */
  readonly depth?: number;
  /** Largest number of values, nested ones included. Default 4 million: the largest tokenizers published hold about 2 million. */
  readonly values?: number;
}

/**
 * Reads one JSON text.
 *
 * @param bytes UTF-8, no byte order mark, nothing but white space after the value
 * @param what  what the text is, for messages: `config.json`, `header of model.safetensors`
 * @returns the value; objects are Maps in the order of the text, every number is finite
 * @throws {ForetokenError} `file.json` with the position of the fault
 * @example parseJson(new TextEncoder().encode('{"a": [1, 2]}'), 'sample') // Map { 'a' => [1, 2] }
 */
export function parseJson(bytes: Uint8Array, what: string, limits: JsonLimits = {}): JsonValue {
  const most = limits.bytes ?? 128 * 2 ** 20;
  if (bytes.length > most) throw fault(what, `${bytes.length} bytes, expected at most ${most}`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw fault(what, 'not valid UTF-8');
  }
  if (text.charCodeAt(0) === 0xfeff) throw fault(what, 'begins with a byte order mark');
  return new JsonReader(text, what, limits).document();
}

function fault(what: string, problem: string): ForetokenError {
  return new ForetokenError('file.json', `${what}: ${problem}`);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** V8 keeps the whole text alive behind a slice of this many characters or more; a copy does not. */
const SLICE_KEEPS_TEXT = 13;

class JsonReader {
  readonly #text: string;
  readonly #what: string;
  readonly #depth: number;
  #valuesLeft: number;
  #at = 0;

  constructor(text: string, what: string, limits: JsonLimits) {
    this.#text = text;
    this.#what = what;
    this.#depth = limits.depth ?? 64;
    this.#valuesLeft = limits.values ?? 4_000_000;
  }

  document(): JsonValue {
    const value = this.#value(0);
    if (this.#next() !== '') throw this.#unexpected('the end');
    return value;
  }

  #value(depth: number): JsonValue {
    if (this.#valuesLeft-- === 0) throw this.#fault('too many values');
    switch (this.#next()) {
      case '{':
        return this.#object(depth + 1);
      case '[':
        return this.#array(depth + 1);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #object(depth: number): JsonObject {
    const object = new Map<string, JsonValue>();
    this.#open(depth);
    if (this.#take('}')) return object;
    do {
      if (this.#next() !== '"') throw this.#unexpected('a name in double quotes');
      const name = this.#string();
      if (object.has(name)) throw this.#fault(`the name ${quote(name)} is given twice`);
      if (!this.#take(':')) throw this.#unexpected('":"');
      object.set(name, this.#value(depth));
    } while (this.#take(','));
    if (!this.#take('}')) throw this.#unexpected('"," or "}"');
    return object;
  }

  #array(depth: number): JsonArray {
    const array: JsonValue[] = [];
    this.#open(depth);
    if (this.#take(']')) return array;
    do array.push(this.#value(depth));
    while (this.#take(','));
    if (!this.#take(']')) throw this.#unexpected('"," or "]"');
    return array;
  }

  #open(depth: number): void {
    if (depth > this.#depth) throw this.#fault(`nested deeper than ${this.#depth}`);
    this.#at++;
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at;
    let escaped = false;
    for (let at = start + 1; ; at++) {
      const unit = text.charCodeAt(at);
      if (unit === BACKSLASH) {
        escaped = true;
        at++;
      } else if (unit === QUOTE) {
        this.#at = at + 1;
        const copied = escaped || at - start > SLICE_KEEPS_TEXT;
        return copied ? this.#copy(start, escaped) : text.slice(start + 1, at);
      } else if (!(unit >= 0x20)) {
        this.#at = at;
        throw this.#unexpected('the end of a string');
      }
    }
  }

  /** The string whose quotes stand at `start` and just before the position. */
  #copy(start: number, escaped: boolean): string {
    let value: string;
    try {
      value = JSON.parse(this.#text.slice(start, this.#at)) as string;
    } catch {
      throw this.#fault('a string with an unknown escape');
    }
    if (escaped && /\p{Surrogate}/u.test(value)) throw this.#fault('a string with an unpaired surrogate');
    return value;
  }

  #number(): number {
    NUMBER.lastIndex = this.#at;
    const digits = NUMBER.exec(this.#text)?.[0];
    if (digits === undefined) throw this.#unexpected('a value');
    const value = Number(digits);
    if (!Number.isFinite(value)) throw this.#fault(`the number ${quote(digits)} is too large`);
    this.#at += digits.length;
    return value;
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected('a value');
    this.#at += word.length;
    return value;
  }

  /** Steps over `token` when it comes next. */
  #take(token: string): boolean {
    if (this.#next() !== token) return false;
    this.#at++;
    return true;
  }

  /** The next character that is not white space, '' at the end; the position moves to it. */
  #next(): string {
    for (;;) {
      const character = this.#text.charAt(this.#at);
      if (character !== ' ' && character !== '\n' && character !== '\r' && character !== '\t') return character;
      this.#at++;
    }
  }

  #unexpected(expected: string): ForetokenError {
    const found = this.#at < this.#text.length ? quote(this.#text.slice(this.#at, this.#at + 12)) : 'the end';
    return this.#fault(`expected ${expected}, got ${found}`);
  }

  #fault(problem: string): ForetokenError {
    return fault(this.#what, `${problem}, at character ${this.#at}`);
  }
}
