/**
 * safetensors: the header, read by range and checked in full before anything else of the file is.
 *
 *   0         8                8 + N                    size
 *   | N, u64  | JSON, N bytes  | tensors, end to end    |
 *
 *   { "name": { "dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24] }, ..., "__metadata__": { "key": "value" } }
 *
 * Source: the format's description and reference implementation, github.com/huggingface/safetensors. Every rule of the reference is
 * kept; beyond it, a name given twice and unknown fields of an entry are refused.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { type JsonObject, type JsonValue, parseJson } from './json.ts';
import { otherFormat } from './other-formats.ts';
import { showShape } from './shape.ts';
import { DTYPE_BITS, type Dtype, measure, type TensorDescription, type Tensors } from './tensors.ts';

/** Bytes of the header's length. */
const PREFIX_BYTES = 8;
/** The reference's limit. */
const MOST_HEADER_BYTES = 100_000_000;

/** What a file holds. */
export interface SafetensorsFile {
  /** In the order of their bytes. */
  readonly tensors: Tensors;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Reads and checks the header of a file.
 *
 * @throws {ForetokenError} `file.format` for another kind of file; `file.header` when the frame is broken; `file.json`; `file.entry`,
 *   `file.dtype`, `file.shape` for a single tensor; `file.offsets` for overlaps and holes; `file.size` when the file is shorter or longer
 *   than its header says
 * @throws what the source's `read` throws
 */
export async function readSafetensors(source: ByteSource, signal?: AbortSignal): Promise<SafetensorsFile> {
  const headerBytes = await readHeaderLength(source, signal);
  const header = await source.read(PREFIX_BYTES, headerBytes, signal);
  const { name } = source;
  if (header[0] !== 0x7b) throw new ForetokenError('file.header', `${name}: the header does not begin with "{"`);
  // An entry's shape is the deepest there is.
  const entries = parseJson(header, `header of ${name}`, { bytes: MOST_HEADER_BYTES, depth: 3 }) as JsonObject;

  const tensors: TensorDescription[] = [];
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [key, value] of entries) {
    if (key === '__metadata__') metadata = checkMetadata(name, value);
    else tensors.push(describe(key, value, source, PREFIX_BYTES + headerBytes));
  }
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkCover(tensors, source, PREFIX_BYTES + headerBytes);
  return { tensors: new Map(tensors.map((tensor) => [tensor.name, tensor])), metadata };
}

async function readHeaderLength(source: ByteSource, signal: AbortSignal | undefined): Promise<number> {
  const { name, size } = source;
  const prefix = await source.read(0, Math.min(size, PREFIX_BYTES), signal);
  const length =
    prefix.length < PREFIX_BYTES
      ? 0n
      : new DataView(prefix.buffer, prefix.byteOffset, PREFIX_BYTES).getBigUint64(0, true);
  const most = Math.min(MOST_HEADER_BYTES, size - PREFIX_BYTES);
  if (length >= 2n && length <= most) return Number(length);
  const other = otherFormat(String.fromCharCode(...prefix));
  if (other !== undefined) throw new ForetokenError('file.format', `${name} is ${other}, expected safetensors`);
  const problem =
    prefix.length < PREFIX_BYTES ? `${size} bytes are no file` : `header of ${length} bytes, expected 2 to ${most}`;
  throw new ForetokenError('file.header', `${name}: ${problem}`);
}

function checkMetadata(file: string, value: JsonValue): ReadonlyMap<string, string> {
  if (!(value instanceof Map) || [...value.values()].some((text) => typeof text !== 'string')) {
    throw new ForetokenError('file.entry', `${file}: "__metadata__" is not an object of strings`);
  }
  return value;
}

/** One entry of the header. @param start where the data begins in the file */
function describe(name: string, entry: JsonValue, source: ByteSource, start: number): TensorDescription {
  const fault = (code: string, problem: string) =>
    new ForetokenError(code, `${source.name}: tensor ${quote(name)}: ${problem}`);
  const fields = ['dtype', 'shape', 'data_offsets'];
  if (!(entry instanceof Map) || entry.size !== fields.length || fields.some((field) => !entry.has(field))) {
    throw fault('file.entry', `expected an object of ${fields.join(', ')}`);
  }
  const dtype = entry.get('dtype');
  const shape = entry.get('shape');
  const offsets = entry.get('data_offsets');
  if (!isDtype(dtype))
    throw fault('file.dtype', `${typeof dtype === 'string' ? quote(dtype) : typeof dtype} is no known dtype`);
  if (!isCounts(shape)) throw fault('file.shape', 'the shape is not a list of whole numbers');
  if (!isCounts(offsets) || offsets.length !== 2) throw fault('file.offsets', 'data_offsets are not two whole numbers');

  const [begin, end] = offsets as [number, number];
  if (begin > end) throw fault('file.offsets', `data_offsets ${begin} and ${end} are reversed`);
  const room = source.size - start;
  if (end > room) throw fault('file.size', `ends at byte ${end} of ${room}: the file is cut short`);
  const measured = measure(dtype, shape);
  if (!measured) throw fault('file.shape', `${dtype} ${showShape(shape)} has no exact number of bytes`);
  if (measured.bytes !== end - begin) {
    throw fault('file.shape', `expected ${measured.bytes} bytes for ${dtype} ${showShape(shape)}, got ${end - begin}`);
  }
  return { name, dtype, shape, ...measured, begin: start + begin, end: start + end, source };
}

function isDtype(value: JsonValue | undefined): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BITS, value);
}

function isCounts(value: JsonValue | undefined): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0 && !Object.is(item, -0));
}

/** The tensors, sorted, must fill the data from its start to the end of the file. */
function checkCover(tensors: readonly TensorDescription[], source: ByteSource, start: number): void {
  let at = start;
  for (const { name, begin, end } of tensors) {
    if (begin !== at) {
      const problem = begin < at ? 'overlaps the tensor before it' : `leaves a hole of ${begin - at} bytes before it`;
      throw new ForetokenError('file.offsets', `${source.name}: tensor ${quote(name)} ${problem}`);
    }
    at = end;
  }
  if (at !== source.size) {
    throw new ForetokenError('file.size', `${source.name}: ${source.size - at} bytes follow the last tensor`);
  }
}
