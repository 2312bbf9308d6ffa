/**
 * GGUF, versions 2 and 3, little endian: the header, read by range and checked in full before anything else of the file is.
 *
 *   "GGUF"  version, u32  tensors, u64  pairs, u64
 *   pairs:    key  type, u32  value                         a text is its length, u64, and its bytes
 *   tensors:  name  sizes, u32  size, u64 ...  type, u32  offset, u64
 *   filled up to the alignment, then the tensors, each filled up to the alignment
 *
 * Source: the GGUF specification of ggml; that tensors lie end to end in the order of their offsets is what ggml's own reader asks for.
 * Beyond it, keys and names given twice, lists of lists and texts that are not UTF-8 are refused.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { exactProduct } from './exact.ts';
import { exactCeiling, exactSum } from './exact-sums.ts';
import { decoderOf } from './gguf-blocks.ts';
import { HeaderReader, LENGTH_BYTES } from './gguf-header.ts';
import { GGML_TYPES, type GgmlType } from './gguf-types.ts';
import { otherFormat } from './other-formats.ts';
import { showShape } from './shape.ts';
import type { TensorDescription, Tensors } from './tensors.ts';

/** The numbers of a list, as the file holds them; truth values are 0 and 1. */
export type GgufNumbers =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** Whole numbers of 64 bits are numbers where those hold them exactly. */
export type GgufValue = number | bigint | boolean | string | readonly string[] | GgufNumbers;

export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** What a file holds. */
export interface GgufFile {
  readonly version: number;
  /** In the order of the file. */
  readonly metadata: GgufMetadata;
  /** By the names of the file, in the order of their bytes; sizes outermost first, the other way round than in the file. */
  readonly tensors: Tensors;
}

const VERSIONS = [2, 3];
/** Keys have at most 2^16 - 1 bytes by the specification; names, which it limits to 64, are left the same room. */
const MOST_NAME_BYTES = 2 ** 16 - 1;
/** Chat templates, the longest texts there are, have some 10 kB. */
const MOST_TEXT_BYTES = 2 ** 24;
const MOST_SIZES = 4;
/** Fewest bytes of a pair: a key of one byte, its type, a value of one byte. */
const LEAST_PAIR_BYTES = LENGTH_BYTES + 1 + 4 + 1;
/** Fewest bytes of a tensor's entry: a name of one byte and one size. */
const LEAST_TENSOR_BYTES = LENGTH_BYTES + 1 + 4 + 8 + 4 + 8;
const ALIGNMENT_KEY = 'general.alignment';
const DEFAULT_ALIGNMENT = 32;
const MOST_ALIGNMENT = 2 ** 16;

/**
 * Reads and checks the header of a file.
 *
 * @throws {ForetokenError} `file.format` for another kind of file, another version, or big endian; `file.header` when the frame is broken;
 *   `file.entry` for a key, name or value; `file.dtype`, `file.shape` for a single tensor; `file.offsets` for overlaps and holes;
 *   `file.size` when the file is shorter or longer than its header says
 * @throws what the source's `read` throws
 */
export async function readGguf(source: ByteSource, signal?: AbortSignal): Promise<GgufFile> {
  const reader = new HeaderReader(source, signal);
  const version = await readVersion(reader);
  const tensorCount = await reader.count('tensors');
  const pairCount = await reader.count('pairs');
  reader.expect(tensorCount, LEAST_TENSOR_BYTES, 'tensors');
  reader.expect(pairCount, LEAST_PAIR_BYTES, 'pairs');

  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < pairCount; i++) {
    reader.begin(LEAST_PAIR_BYTES);
    const key = await reader.text(MOST_NAME_BYTES, 'a key');
    if (key === '' || metadata.has(key)) throw entryFault(source, key, key === '' ? 'is empty' : 'is there twice');
    metadata.set(key, await readValue(reader, key, await reader.u32()));
  }
  const entries = new Map<string, TensorEntry>();
  for (let i = 0; i < tensorCount; i++) {
    reader.begin(LEAST_TENSOR_BYTES);
    const entry = await readTensor(reader);
    if (entry.name === '' || entries.has(entry.name)) {
      throw entryFault(source, entry.name, entry.name === '' ? 'is no name of a tensor' : 'names two tensors');
    }
    entries.set(entry.name, entry);
  }
  const tensors = place([...entries.values()], source, reader.position, alignmentOf(metadata, reader));
  return { version, metadata, tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])) };
}

function entryFault({ name }: ByteSource, key: string, problem: string): ForetokenError {
  return new ForetokenError('file.entry', `${name}: ${quote(key)} ${problem}`);
}

async function readVersion(reader: HeaderReader): Promise<number> {
  const { source } = reader;
  const bytes = Math.min(8, source.size);
  if (!reader.has(bytes)) await reader.bring(bytes);
  const start = reader.take(bytes);
  const letters = String.fromCharCode(...new Uint8Array(start.buffer, start.byteOffset, start.byteLength));
  if (!letters.startsWith('GGUF') && letters.length > 0) {
    const other = otherFormat(letters) ?? 'no GGUF file';
    throw new ForetokenError('file.format', `${source.name} is ${other}, expected GGUF`);
  }
  if (letters.length < 8) throw reader.fault(`${source.size} bytes are no file`);
  const version = start.getUint32(4, true);
  if (VERSIONS.includes(version)) return version;
  const what = VERSIONS.includes(start.getUint32(4, false)) ? 'big endian' : `of version ${version}`;
  throw new ForetokenError('file.format', `${source.name} is ${what}, expected little endian of version 2 or 3`);
}

// Values.

const TRUTH = 7;
const TEXT = 8;
const LIST = 9;

type NumbersConstructor = new (buffer: ArrayBuffer) => GgufNumbers;

/** Kinds of numbers, by the file's number: bytes, how one is read, and what holds many. */
const NUMBERS: ReadonlyMap<
  number,
  { bytes: number; read: (view: DataView) => number | bigint; list: NumbersConstructor }
> = new Map([
  [0, { bytes: 1, read: (view) => view.getUint8(0), list: Uint8Array }],
  [1, { bytes: 1, read: (view) => view.getInt8(0), list: Int8Array }],
  [2, { bytes: 2, read: (view) => view.getUint16(0, true), list: Uint16Array }],
  [3, { bytes: 2, read: (view) => view.getInt16(0, true), list: Int16Array }],
  [4, { bytes: 4, read: (view) => view.getUint32(0, true), list: Uint32Array }],
  [5, { bytes: 4, read: (view) => view.getInt32(0, true), list: Int32Array }],
  [6, { bytes: 4, read: (view) => view.getFloat32(0, true), list: Float32Array }],
  [TRUTH, { bytes: 1, read: (view) => view.getUint8(0), list: Uint8Array }],
  [10, { bytes: 8, read: (view) => exactOf(view.getBigUint64(0, true)), list: BigUint64Array }],
  [11, { bytes: 8, read: (view) => exactOf(view.getBigInt64(0, true)), list: BigInt64Array }],
  [12, { bytes: 8, read: (view) => view.getFloat64(0, true), list: Float64Array }],
]);

function exactOf(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

async function readValue(reader: HeaderReader, key: string, type: number): Promise<GgufValue> {
  if (type === TEXT) return reader.text(MOST_TEXT_BYTES, `the text of ${quote(key)}`);
  if (type === LIST) return readList(reader, key);
  const kind = NUMBERS.get(type);
  if (!kind) throw entryFault(reader.source, key, `has a value of unknown type ${type}`);
  if (!reader.has(kind.bytes)) await reader.bring(kind.bytes);
  const value = kind.read(reader.take(kind.bytes));
  if (type !== TRUTH) return value;
  if (value !== 0 && value !== 1)
    throw entryFault(reader.source, key, `is ${value}, expected 0 or 1 for a truth value`);
  return value === 1;
}

async function readList(reader: HeaderReader, key: string): Promise<GgufValue> {
  const type = await reader.u32();
  const count = await reader.count(`items of ${quote(key)}`);
  if (type === TEXT) return readTexts(reader, key, count);
  const kind = NUMBERS.get(type);
  if (!kind) {
    throw entryFault(reader.source, key, type === LIST ? 'is a list of lists' : `is a list of unknown type ${type}`);
  }
  reader.expect(count, kind.bytes, `items of ${quote(key)}`);
  const bytes = count * kind.bytes;
  reader.begin(bytes);
  if (!reader.has(bytes)) await reader.bring(bytes);
  const { buffer, byteOffset } = reader.take(bytes);
  const values = new kind.list((buffer as ArrayBuffer).slice(byteOffset, byteOffset + bytes));
  if (type === TRUTH && (values as Uint8Array).some((value) => value > 1)) {
    throw entryFault(reader.source, key, 'holds another value than 0 and 1 for truth');
  }
  return values;
}

async function readTexts(reader: HeaderReader, key: string, count: number): Promise<readonly string[]> {
  const what = `a text of ${quote(key)}`;
  reader.expect(count, LENGTH_BYTES, `texts of ${quote(key)}`);
  const texts: string[] = [];
  for (let i = 0; i < count; i++) {
    reader.begin(LENGTH_BYTES);
    const text = reader.textAtHand(MOST_TEXT_BYTES, what);
    texts.push(typeof text === 'string' ? text : await reader.text(MOST_TEXT_BYTES, what));
  }
  return texts;
}

function alignmentOf(metadata: GgufMetadata, reader: HeaderReader): number {
  const alignment = metadata.get(ALIGNMENT_KEY) ?? DEFAULT_ALIGNMENT;
  const isPower =
    typeof alignment === 'number' &&
    alignment >= 8 &&
    alignment <= MOST_ALIGNMENT &&
    (alignment & (alignment - 1)) === 0;
  if (isPower && Number.isInteger(alignment)) return alignment;
  throw reader.fault(`"${ALIGNMENT_KEY}" is no power of two from 8 to ${MOST_ALIGNMENT}`);
}

// Tensors.

/** A tensor as its entry describes it. */
interface TensorEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: GgmlType;
  readonly elements: number;
  readonly bytes: number;
  /** From the start of the data. */
  readonly offset: number;
}

async function readTensor(reader: HeaderReader): Promise<TensorEntry> {
  const name = await reader.text(MOST_NAME_BYTES, 'the name of a tensor');
  const fault = (code: string, problem: string) => tensorFault(reader.source, name, code, problem);
  const sizes = await reader.u32();
  if (sizes < 1 || sizes > MOST_SIZES) throw fault('file.shape', `${sizes} sizes, expected 1 to ${MOST_SIZES}`);
  const rest = sizes * 8 + 12;
  if (!reader.has(rest)) await reader.bring(rest);
  const shape: number[] = [];
  for (let i = 0; i < sizes; i++) shape.unshift(await reader.count(`rows of tensor ${quote(name)}`));
  const number = await reader.u32();
  const offset = await reader.count(`bytes before tensor ${quote(name)}`);

  const type = GGML_TYPES.get(number);
  if (!type) throw fault('file.dtype', `${number} is no known type`);
  const elements = exactProduct(...shape);
  const bytes = elements === undefined ? undefined : exactProduct(elements / type.values, type.bytes);
  // A row is made of whole blocks.
  if (elements === undefined || bytes === undefined || shape.at(-1)! % type.values !== 0) {
    throw fault('file.shape', `${type.name} ${showShape(shape)} has no exact number of blocks of ${type.values}`);
  }
  return { name, shape, type, elements, bytes, offset };
}

function tensorFault(source: ByteSource, tensor: string, code: string, problem: string): ForetokenError {
  return new ForetokenError(code, `${source.name}: tensor ${quote(tensor)}: ${problem}`);
}

/**
 * Where the tensors lie: end to end, but for the alignment, from the header to the end of the file.
 * @param header bytes of the header
 * @returns them in the order of their bytes
 */
function place(
  entries: readonly TensorEntry[],
  source: ByteSource,
  header: number,
  alignment: number,
): TensorDescription[] {
  const room = source.size - (exactCeiling(header, alignment) ?? source.size);
  const start = source.size - room;
  let end = 0;
  const tensors = [...entries]
    .sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)
    .map(({ name, shape, type, elements, bytes, offset }): TensorDescription => {
      const fault = (code: string, problem: string) => tensorFault(source, name, code, problem);
      const expected = exactCeiling(end, alignment);
      if (offset !== expected) {
        if (offset % alignment !== 0) throw fault('file.offsets', `offset ${offset} is no multiple of ${alignment}`);
        const problem = offset < end ? 'overlaps the tensor before it' : `leaves a hole behind byte ${end}`;
        throw fault('file.offsets', problem);
      }
      const last = exactSum(offset, bytes);
      if (last === undefined || last > room) {
        throw fault(
          'file.size',
          `ends at byte ${last ?? 'beyond 2^53'} of ${Math.max(room, 0)}: the file is cut short`,
        );
      }
      end = last;
      const decode = decoderOf(type.name);
      const place = { begin: start + offset, end: start + last, source };
      return { name, dtype: type.name, shape, elements, bytes, ...place, ...(decode && { decode }) };
    });
  const most = exactCeiling(end, alignment)!;
  if (room > most) {
    throw new ForetokenError('file.size', `${source.name}: ${room - most} bytes follow the last tensor`);
  }
  return tensors;
}
