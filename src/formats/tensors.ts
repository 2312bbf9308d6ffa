/**
 * Tensors of a checkpoint: what a file says it holds, checked, and the reading of it in pieces of whole rows.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { aligned, type ByteSource } from './byte-source.ts';
import { exactProduct } from './exact.ts';
import { decodeBf16, decodeF16, firstNonfinite } from './float16.ts';
import type { GgmlName } from './gguf-types.ts';
import { Scratch } from './scratch.ts';
import { showShape } from './shape.ts';
import type { Values } from './values.ts';

/** Bits of one element, by the names that safetensors gives them. */
export const DTYPE_BITS = {
  F64: 64,
  F32: 32,
  F16: 16,
  BF16: 16,
  I64: 64,
  I32: 32,
  I16: 16,
  I8: 8,
  U64: 64,
  U32: 32,
  U16: 16,
  U8: 8,
  BOOL: 8,
  C64: 64,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  F6_E2M3: 6,
  F6_E3M2: 6,
  F4: 4,
} as const;

export type Dtype = keyof typeof DTYPE_BITS;

/** What whole blocks of a type stand for. The values lie in `scratch`. */
export type BlockDecoder = (blocks: Uint8Array, scratch: Scratch) => Values;

/** An order of rows other than the one that the model takes, the same in every group of rows. */
export interface RowOrder {
  /** Rows of a group. */
  readonly rows: number;
  /** Puts the rows of whole groups in order. @param to as many bytes as `from` */
  arrange(from: Uint8Array, rowBytes: number, to: Uint8Array): void;
}

/** One tensor, and where it lies. */
export interface TensorDescription {
  readonly name: string;
  readonly dtype: Dtype | GgmlName;
  /** Outermost first; empty for a scalar. */
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly elements: number;
  /** `end - begin`. */
  readonly bytes: number;
  /** First byte, counted from the start of the file. */
  readonly begin: number;
  readonly end: number;
  readonly source: ByteSource;
  /** For types whose values lie in blocks, where they are known. */
  readonly decode?: BlockDecoder;
  /** The order of rows in the file, where it is another one: reading gives them in the model's. */
  readonly order?: RowOrder;
}

/** Tensors by name. */
export type Tensors = ReadonlyMap<string, TensorDescription>;

/** The element types that weights are read from as floats. */
export const FLOAT_DTYPES: readonly TensorDescription['dtype'][] = ['F32', 'BF16', 'F16'];

/**
 * A tensor that must be there.
 *
 * @param dtypes those that will do
 * @throws {ForetokenError} `file.tensor` when it is missing, `config.shape` when its shape is not what the configuration asks for,
 *   `file.dtype` when it is of another type
 */
export function expectTensor(
  tensors: Tensors,
  name: string,
  shape: readonly number[],
  dtypes: readonly TensorDescription['dtype'][] = FLOAT_DTYPES,
): TensorDescription {
  const tensor = tensors.get(name);
  if (!tensor) throw new ForetokenError('file.tensor', `the checkpoint has no tensor ${quote(name)}`);
  if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i])) {
    throw new ForetokenError(
      'config.shape',
      `tensor ${quote(name)} has shape ${showShape(tensor.shape)}, the configuration asks for ${showShape(shape)}`,
    );
  }
  if (!dtypes.includes(tensor.dtype)) {
    throw new ForetokenError('file.dtype', `tensor ${quote(name)} is ${tensor.dtype}, expected ${dtypes.join(' or ')}`);
  }
  return tensor;
}

/**
 * Number of elements of a shape, and its bytes.
 * @returns undefined when either is not exact in a double, or the bytes are not whole
 */
export function measure(dtype: Dtype, shape: readonly number[]): { elements: number; bytes: number } | undefined {
  const bits = exactProduct(...shape, DTYPE_BITS[dtype]);
  if (bits === undefined || bits % 8 !== 0) return undefined;
  return { elements: bits / DTYPE_BITS[dtype], bytes: bits / 8 };
}

/** Largest piece by default: 1 MiB of a bf16 file, and 2 MiB once they are floats. Large enough for disks and networks, small beside any model. */
const PIECE_ELEMENTS = 2 ** 19;

export interface ReadOptions {
  /** Largest piece, bytes of the file; a longer row is a piece of its own. Default what 2^19 elements take. */
  readonly pieceBytes?: number;
  readonly signal?: AbortSignal;
  /** Memory for the pieces; given to the reading of many tensors, one after the other, it is taken only once. */
  readonly scratch?: Scratch;
  /** Rows that a piece never divides: 1, the default, or as many as a group of the tensor's order has. */
  readonly group?: number;
}

/** Some rows of a tensor of shape (rows, ...): a row is everything below the first axis, a scalar is one row. */
export interface Rows<T> {
  /** Index of the first row. */
  readonly row: number;
  /** Number of rows. */
  readonly rows: number;
  /** Their elements, as bytes or as values. */
  readonly data: T;
}

/** Some rows of a tensor as a tensor of their own: `count` from `first` on, or fewer at its end. They must stand in the model's order. */
export function rowsFrom(tensor: TensorDescription, first: number, count: number): TensorDescription {
  const [all = 1, ...inner] = tensor.shape;
  const rows = Math.min(count, all - first);
  const [bytes, elements] = [tensor.bytes / all, tensor.elements / all];
  const begin = tensor.begin + first * bytes;
  return {
    ...tensor,
    shape: [rows, ...inner],
    ...{ elements: rows * elements, bytes: rows * bytes, begin, end: begin + rows * bytes },
  };
}

/**
 * A tensor's bytes, a few rows at a time, in the model's order. A piece is valid until the next one is asked for; callers do not write to it.
 * @throws what the source's `read` throws
 */
export async function* readRows(
  tensor: TensorDescription,
  options: ReadOptions = {},
): AsyncGenerator<Rows<Uint8Array>> {
  if (tensor.bytes === 0) return;
  const { order } = tensor;
  const { pieceBytes = (PIECE_ELEMENTS * tensor.bytes) / tensor.elements, signal, scratch = new Scratch() } = options;
  const group = Math.max(options.group ?? 1, order?.rows ?? 1);
  const rows = tensor.shape[0] ?? 1;
  const rowBytes = tensor.bytes / rows;
  if (!Number.isInteger(rowBytes)) throw notReadable(tensor, 'rows of whole bytes');
  const step = Math.min(rows, Math.max(1, Math.floor(pieceBytes / rowBytes / group)) * group);
  // One piece is read while the one before it is worked on.
  const read = (row: number): Promise<Uint8Array> => {
    const count = Math.min(step, rows - row);
    const into = scratch.bytes(step * rowBytes, (row / step) % 2 === 0 ? 'read' : 'readAhead');
    return tensor.source.read(tensor.begin + row * rowBytes, count * rowBytes, signal, into);
  };
  let reading = read(0);
  try {
    for (let row = 0; row < rows; row += step) {
      const data = await reading;
      if (row + step < rows) reading = read(row + step);
      reading.catch(() => {}); // told when its turn comes
      const ordered = order && scratch.bytes(data.length, 'order');
      if (ordered) order.arrange(data, rowBytes, ordered);
      yield { row, rows: Math.min(step, rows - row), data: ordered ?? data };
    }
  } finally {
    await reading.catch(() => {}); // nothing is written to the scratch any more
  }
}

/**
 * A float tensor's values as f32, a few rows at a time, in order. A piece is valid until the next one is asked for; callers do not write
 * to it.
 * @throws {ForetokenError} `file.dtype` for other element types, `file.nonfinite` at the first NaN or infinity
 * @throws what the source's `read` throws
 */
export async function* readFloats(
  tensor: TensorDescription,
  options: ReadOptions = {},
): AsyncGenerator<Rows<Float32Array>> {
  const { dtype, name } = tensor;
  const scratch = options.scratch ?? new Scratch();
  if (!FLOAT_DTYPES.includes(dtype)) throw notReadable(tensor, FLOAT_DTYPES.join(' or '));
  for await (const { row, rows, data } of readRows(tensor, { ...options, scratch })) {
    const values = dtype === 'F32' ? singles(data) : scratch.floats(data.length / 2, 'values');
    if (dtype === 'BF16') decodeBf16(halves(data), values);
    if (dtype === 'F16') decodeF16(halves(data), values);
    const bad = firstNonfinite(values);
    if (bad !== -1) {
      const element = (row * values.length) / rows + bad;
      throw new ForetokenError('file.nonfinite', `tensor ${quote(name)} holds ${values[bad]} at element ${element}`);
    }
    yield { row, rows, data: values };
  }
}

/** The f32 values that bytes hold. */
function singles(bytes: Uint8Array): Float32Array {
  const { buffer, byteOffset } = aligned(bytes, 4);
  return new Float32Array(buffer, byteOffset, bytes.length / 4);
}

/** The 16-bit words that bytes hold. */
function halves(bytes: Uint8Array): Uint16Array {
  const { buffer, byteOffset } = aligned(bytes, 2);
  return new Uint16Array(buffer, byteOffset, bytes.length / 2);
}

function notReadable({ name, dtype }: TensorDescription, expected: string): ForetokenError {
  return new ForetokenError('file.dtype', `tensor ${quote(name)} is ${dtype}, expected ${expected}`);
}
