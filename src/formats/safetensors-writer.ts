/**
 * Writes safetensors. The same tensors give the same bytes, in whatever order they come: widest elements first, then by name, so that
 * every tensor is aligned to its element; the header is filled up with spaces to a multiple of 8 bytes.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { DTYPE_BITS, type Dtype, measure, showShape } from './tensors.ts';

export interface TensorData {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The elements, little endian. */
  readonly data: ArrayBufferView;
}

/**
 * The file in pieces: its header, then each tensor's bytes as they are, not copied.
 *
 * @param metadata written only when given: not every reader knows it
 * @throws {ForetokenError} `file.shape` when data and shape disagree, `file.entry` for the reserved name, before the first piece
 */
export function* safetensorsPieces(
  tensors: Iterable<readonly [name: string, tensor: TensorData]>,
  metadata?: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  const sorted = [...new Map(tensors)].sort(
    ([a, { dtype: x }], [b, { dtype: y }]) => DTYPE_BITS[y] - DTYPE_BITS[x] || (a < b ? -1 : 1),
  );
  let offset = 0;
  const entries = sorted.map(([name, { dtype, shape, data }]) => {
    if (name === '__metadata__') throw new ForetokenError('file.entry', `no tensor can be named ${quote(name)}`);
    const bytes = measure(dtype, shape)?.bytes;
    if (bytes !== data.byteLength) {
      throw new ForetokenError(
        'file.shape',
        `tensor ${quote(name)}: expected ${bytes ?? 'no'} bytes for ${dtype} ${showShape(shape)}, got ${data.byteLength}`,
      );
    }
    const begin = offset;
    offset += bytes;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, offset] })}`;
  });
  if (metadata) entries.unshift(`"__metadata__":${JSON.stringify(metadata)}`);
  yield frame(`{${entries.join(',')}}`);
  for (const [, { data }] of sorted) yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The length of the header, and the header. */
function frame(header: string): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  return bytes;
}

/** The whole file in memory; arguments and errors of `safetensorsPieces`. */
export function writeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: TensorData]>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const pieces = [...safetensorsPieces(tensors, metadata)];
  const file = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    file.set(piece, at);
    at += piece.length;
  }
  return file;
}
