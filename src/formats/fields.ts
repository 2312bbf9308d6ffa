/**
 * Fields of JSON files from outside, read strictly: every type and every number's bounds checked, every fault with one code.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import type { JsonArray, JsonObject, JsonValue } from './json.ts';

/** Whether a value is an integer from `low` to `high`. */
export function isInteger(value: JsonValue | undefined, low: number, high: number): value is number {
  return Number.isInteger(value) && (value as number) >= low && (value as number) <= high;
}

/** The fields of one JSON object, checked as they are read. A field that is null counts as absent, as transformers has it. */
export class Fields {
  /** What is read, for messages: `config.json`. */
  readonly what: string;
  readonly #area: string;
  readonly #object: JsonObject;
  /** Path of this object, for messages: '' or `rope_parameters.`. */
  readonly #path: string;

  /**
   * @param area first half of every error's code: `config` gives `config.missing`, `config.type`, `config.range`, `config.unsupported`
   * @throws {ForetokenError} `*.type` when the value is not an object
   */
  constructor(value: JsonValue, area: string, what: string, path = '') {
    if (!(value instanceof Map)) {
      const name = path === '' ? 'the whole' : quote(path.slice(0, -1));
      throw new ForetokenError(`${area}.type`, `${what}: ${name} is ${shown(value)}, expected an object`);
    }
    this.#area = area;
    this.#object = value;
    this.#path = path;
    this.what = what;
  }

  has(name: string): boolean {
    return (this.#object.get(name) ?? null) !== null;
  }

  /** Whatever is there. */
  value(name: string): JsonValue | undefined {
    return this.#object.get(name);
  }

  isList(name: string): boolean {
    return Array.isArray(this.#object.get(name));
  }

  isObject(name: string): boolean {
    return this.#object.get(name) instanceof Map;
  }

  integer(name: string, low: number, high: number, fallback?: number): number {
    const value = this.#get(name, fallback);
    if (typeof value !== 'number') throw this.#type(name, 'an integer');
    if (!isInteger(value, low, high)) throw this.range(name, `an integer from ${low} to ${high}`);
    return value;
  }

  number(name: string, low: number, high: number, fallback?: number): number {
    const value = this.#get(name, fallback);
    if (typeof value !== 'number') throw this.#type(name, 'a number');
    if (!(value >= low && value <= high)) throw this.range(name, `a number from ${low} to ${high}`);
    return value;
  }

  string(name: string, fallback?: string): string {
    const value = this.#get(name, fallback);
    if (typeof value !== 'string') throw this.#type(name, 'a string');
    return value;
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#get(name, fallback);
    if (typeof value !== 'boolean') throw this.#type(name, 'true or false');
    return value;
  }

  list(name: string): readonly JsonValue[] {
    if (!this.isList(name)) throw this.#type(name, 'a list');
    return this.#object.get(name) as readonly JsonValue[];
  }

  /** A list of integers from `low` to `high`. */
  integers(name: string, low: number, high: number): readonly number[] {
    return this.list(name).map((value) => {
      if (!isInteger(value, low, high)) throw this.range(name, `integers from ${low} to ${high}`);
      return value;
    });
  }

  /** An object whose names are data, such as a vocabulary. */
  map(name: string): JsonObject {
    const value = this.#get(name, undefined);
    if (!(value instanceof Map)) throw this.#type(name, 'an object');
    return value;
  }

  /** An object that may be absent. */
  child(name: string): Fields | undefined {
    return this.has(name) ? this.object(name) : undefined;
  }

  /** An object that must be there. */
  object(name: string): Fields {
    return new Fields(this.#get(name, undefined), this.#area, this.what, `${this.#path}${name}.`);
  }

  /** The objects of a list. */
  children(name: string): Fields[] {
    const values = this.list(name);
    return values.map((value, i) => new Fields(value, this.#area, this.what, `${this.#path}${name}[${i}].`));
  }

  range(name: string, expected: string): ForetokenError {
    return this.#error('range', name, expected);
  }

  unsupported(name: string, supported: string): ForetokenError {
    return this.#error('unsupported', name, `${supported}: nothing else is implemented`);
  }

  #type(name: string, expected: string): ForetokenError {
    return this.#error('type', name, expected);
  }

  #get<T extends JsonValue>(name: string, fallback: T | undefined): JsonValue {
    const value = this.#object.get(name) ?? fallback;
    if (value === undefined) {
      throw new ForetokenError(`${this.#area}.missing`, `${this.what}: "${this.#path}${name}" is missing`);
    }
    return value;
  }

  #error(reason: string, name: string, expected: string): ForetokenError {
    const value = shown(this.#object.get(name) ?? null);
    return new ForetokenError(
      `${this.#area}.${reason}`,
      `${this.what}: "${this.#path}${name}" is ${value}, expected ${expected}`,
    );
  }
}

/** A value from outside, short enough for a message. */
export function shown(value: JsonValue): string {
  if (value instanceof Map) return 'an object';
  // Also the lists of numbers of a GGUF file, which are no arrays.
  const list = typeof value === 'object' ? (value as JsonArray | null) : null;
  if (list) return list.length === 1 ? `[${shown(list[0]!)}]` : `a list of ${list.length}`;
  return typeof value === 'string' ? quote(value) : String(value);
}
