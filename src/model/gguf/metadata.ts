/**
 * What a GGUF file says of a model besides its weights, read strictly: as fields of config.json are, by the names of GGUF.
 * @module
 */
import { Fields } from '../../formats/fields.ts';
import type { GgufFile, GgufValue } from '../../formats/gguf.ts';
import type { JsonObject } from '../../formats/json.ts';
import type { Tensors } from '../../formats/tensors.ts';

/** The metadata as fields; what they cannot be, a number of 64 bits or a list of numbers, has no type that a field has. */
export function metadataFields({ metadata }: Pick<GgufFile, 'metadata'>, area: string, what: string): Fields {
  return new Fields(metadata as unknown as JsonObject, area, what);
}

/** Factors that a file holds as tensors: each pair of a head turns so many times more slowly. */
export interface RopeFactors {
  /** `rope_freqs.weight` */
  readonly all?: Float32Array;
  /** `rope_factors_short.weight` and `rope_factors_long.weight`: for contexts as trained, and for longer ones. */
  readonly short?: Float32Array;
  readonly long?: Float32Array;
}

/** The metadata of one architecture: keys that begin with its name are asked for by the rest of it. */
export class Metadata {
  readonly fields: Fields;
  readonly architecture: string;
  readonly tensors: Tensors;
  readonly factors: RopeFactors;
  readonly #file: GgufFile;

  /** @param what the file's name, for messages */
  constructor(file: GgufFile, factors: RopeFactors, what: string) {
    this.fields = metadataFields(file, 'config', what);
    this.architecture = this.fields.string('general.architecture');
    this.tensors = file.tensors;
    this.factors = factors;
    this.#file = file;
  }

  /** The whole key. */
  key(name: string): string {
    return `${this.architecture}.${name}`;
  }

  has(name: string): boolean {
    return this.fields.has(this.key(name));
  }

  integer(name: string, low: number, high: number, fallback?: number): number {
    return this.fields.integer(this.key(name), low, high, fallback);
  }

  /** A number of 32 bits: the decimal number of fewest digits that it stands for. */
  number(name: string, low: number, high: number, fallback?: number): number {
    return shortest(this.fields.number(this.key(name), low, high, fallback));
  }

  string(name: string, fallback?: string): string {
    return this.fields.string(this.key(name), fallback);
  }

  boolean(name: string, fallback: boolean): boolean {
    return this.fields.boolean(this.key(name), fallback);
  }

  /** A list of numbers or of truth values, which count as 0 and 1; undefined when the key is absent, or is no list. */
  list(name: string): readonly number[] | undefined {
    const value: GgufValue | undefined = this.#file.metadata.get(this.key(name));
    return ArrayBuffer.isView(value) ? Array.from(value as Uint8Array) : undefined;
  }
}

/** 1e-5, where the file's value is 9.999999747378752e-6. */
export function shortest(value: number): number {
  return shortestFor(value, (short) => Math.fround(short) === Math.fround(value));
}

/** The number of fewest digits near `value` that will do; `value` itself where none does. */
export function shortestFor(value: number, willDo: (short: number) => boolean): number {
  for (let digits = 1; digits < 10; digits++) {
    const short = Number(value.toPrecision(digits));
    if (willDo(short)) return short;
  }
  return value;
}
