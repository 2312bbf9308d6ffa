/**
 * Writes GGUF, version 3, little endian, tensors in the order given.
 * Source: the GGUF specification of ggml; the drawing is in gguf.ts.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { GGML_NUMBERS, type GgmlName, ggmlType } from './gguf-types.ts';
import type { Q4Matrix } from './q4.ts';
import type { Q8Matrix } from './q8.ts';

/** A value with its type; texts, truth values and lists of texts have one type each. */
export type WrittenValue =
  | string
  | boolean
  | { readonly u32: number }
  | { readonly f32: number }
  | { readonly texts: readonly string[] }
  | { readonly i32s: Int32Array }
  | { readonly f32s: Float32Array }
  | { readonly truths: readonly boolean[] };

export type Pair = readonly [key: string, value: WrittenValue];

/** A tensor and how its bytes come. */
export interface WrittenTensor {
  readonly name: string;
  readonly dtype: GgmlName;
  /** Outermost first; the last is a multiple of the type's block. */
  readonly shape: readonly number[];
  /** Called once, when the tensor's turn has come. */
  pieces(): AsyncIterable<Uint8Array>;
}

const ALIGNMENT = 32;
const VALUE = { u32: 4, i32: 5, f32: 6, truth: 7, text: 8, list: 9 } as const;

/**
 * The file in pieces.
 * @throws {ForetokenError} `file.shape` when a tensor's pieces are not the bytes of its shape
 */
export async function* ggufPieces(
  pairs: readonly Pair[],
  tensors: readonly WrittenTensor[],
): AsyncGenerator<Uint8Array> {
  const sizes = tensors.map(bytesOf);
  yield headerOf(pairs, tensors, sizes);
  for (const [i, { name, pieces }] of tensors.entries()) {
    let written = 0;
    for await (const piece of pieces()) {
      written += piece.length;
      yield piece;
    }
    if (written !== sizes[i]) {
      throw new ForetokenError('file.shape', `tensor ${quote(name)}: expected ${sizes[i]} bytes, got ${written}`);
    }
    yield new Uint8Array(padding(written));
  }
}

function bytesOf({ dtype, shape }: WrittenTensor): number {
  const { values, bytes } = ggmlType(dtype);
  return (shape.reduce((product, size) => product * size, 1) / values) * bytes;
}

/** Bytes up to the next multiple of the alignment. */
function padding(bytes: number): number {
  return -bytes & (ALIGNMENT - 1);
}

function headerOf(pairs: readonly Pair[], tensors: readonly WrittenTensor[], sizes: readonly number[]): Uint8Array {
  const to = new ByteWriter();
  to.letters('GGUF');
  to.u32(3);
  to.u64(tensors.length);
  to.u64(pairs.length);
  for (const [key, value] of pairs) {
    to.text(key);
    writeValue(to, value);
  }
  let offset = 0;
  for (const [i, { name, dtype, shape }] of tensors.entries()) {
    to.text(name);
    to.u32(shape.length);
    for (const size of [...shape].reverse()) to.u64(size);
    to.u32(GGML_NUMBERS.get(dtype)!);
    to.u64(offset);
    offset += sizes[i]! + padding(sizes[i]!);
  }
  to.zeros(padding(to.length));
  return to.written();
}

function writeValue(to: ByteWriter, value: WrittenValue): void {
  if (typeof value === 'string') {
    to.u32(VALUE.text);
    to.text(value);
  } else if (typeof value === 'boolean') {
    to.u32(VALUE.truth);
    to.bytes(Uint8Array.of(value ? 1 : 0));
  } else if ('u32' in value) {
    to.u32(VALUE.u32);
    to.u32(value.u32);
  } else if ('f32' in value) {
    to.u32(VALUE.f32);
    to.f32(value.f32);
  } else if ('texts' in value) {
    to.list(VALUE.text, value.texts.length);
    for (const text of value.texts) to.text(text);
  } else if ('truths' in value) {
    to.list(VALUE.truth, value.truths.length);
    to.bytes(Uint8Array.from(value.truths, Number));
  } else {
    const [type, values] = 'i32s' in value ? [VALUE.i32, value.i32s] : [VALUE.f32, value.f32s];
    to.list(type, values.length);
    to.bytes(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
}

/** Blocks as ggml lays them: the scale of each, then its bytes. */
export function joinBlocks({ q, scale }: Q8Matrix | Q4Matrix): Uint8Array {
  const scales = new Uint8Array(scale.buffer, scale.byteOffset, scale.byteLength);
  const values = new Uint8Array(q.buffer, q.byteOffset, q.byteLength);
  const blockBytes = values.length / scale.length;
  const blocks = new Uint8Array(scales.length + values.length);
  for (let block = 0; block < scale.length; block++) {
    const at = block * (2 + blockBytes);
    blocks.set(scales.subarray(block * 2, block * 2 + 2), at);
    blocks.set(values.subarray(block * blockBytes, (block + 1) * blockBytes), at + 2);
  }
  return blocks;
}

/** Numbers and texts, little endian, one after the other. */
class ByteWriter {
  #bytes = new Uint8Array(2 ** 16);
  length = 0;

  u32(value: number): void {
    this.#room(4).setUint32(0, value, true);
  }

  u64(value: number): void {
    this.#room(8).setBigUint64(0, BigInt(value), true);
  }

  f32(value: number): void {
    this.#room(4).setFloat32(0, value, true);
  }

  list(type: number, count: number): void {
    this.u32(VALUE.list);
    this.u32(type);
    this.u64(count);
  }

  /** With its length before it. */
  text(value: string): void {
    const bytes = new TextEncoder().encode(value);
    this.u64(bytes.length);
    this.bytes(bytes);
  }

  letters(value: string): void {
    this.bytes(new TextEncoder().encode(value));
  }

  bytes(values: Uint8Array): void {
    const { buffer, byteOffset, byteLength } = this.#room(values.length);
    new Uint8Array(buffer, byteOffset, byteLength).set(values);
  }

  zeros(count: number): void {
    this.#room(count);
  }

  written(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  /** The next bytes, all 0. */
  #room(count: number): DataView {
    const at = this.length;
    this.length += count;
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    return new DataView(this.#bytes.buffer, at, count);
  }
}
