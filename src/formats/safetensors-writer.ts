/**
 * Writes safetensors. The same tensors give the same bytes, in whatever order they come: widest elements first, then by name, so that
 * every tensor is aligned to its element. A block-quantised matrix stays together, its scales before its bytes, so that it can be loaded
 * front to back. The header is filled up with spaces to a multiple of 8 bytes.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { showShape } from './shape.ts';
import { DTYPE_BITS, type Dtype, measure } from './tensors.ts';

export interface TensorData {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The elements, little endian. */
  readonly data: ArrayBufferView;
}

export type NamedTensor = readonly [name: string, tensor: TensorData];

/** A tensor whose bytes come later. */
export interface TensorEntry extends Pick<TensorData, 'dtype' | 'shape'> {
  readonly bytes: number;
}

/**
 * The order of tensors in a file, and the bytes before them.
 *
 * @param metadata written only when given: not every reader knows it
 * @throws {ForetokenError} `file.shape` when bytes and shape disagree, `file.entry` for the reserved name and for a name given twice
 */
export function layOut(
  tensors: Iterable<readonly [name: string, entry: TensorEntry]>,
  metadata?: Readonly<Record<string, string>>,
): { readonly header: Uint8Array; readonly names: readonly string[] } {
  const sorted = inFileOrder([...tensors]);
  let offset = 0;
  const entries = sorted.map(([name, { dtype, shape, bytes: given }]) => {
    if (name === '__metadata__') throw new ForetokenError('file.entry', `no tensor can be named ${quote(name)}`);
    const bytes = measure(dtype, shape)?.bytes;
    if (bytes !== given) {
      throw new ForetokenError(
        'file.shape',
        `tensor ${quote(name)}: expected ${bytes ?? 'no'} bytes for ${dtype} ${showShape(shape)}, got ${given}`,
      );
    }
    const begin = offset;
    offset += bytes;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, offset] })}`;
  });
  if (metadata) entries.unshift(`"__metadata__":${JSON.stringify(metadata)}`);
  return { header: frame(`{${entries.join(',')}}`), names: sorted.map(([name]) => name) };
}

/** The file in pieces: its header, then each tensor's bytes as they are, not copied; arguments and errors of `layOut`, before the first piece. */
export function* safetensorsPieces(
  tensors: Iterable<NamedTensor>,
  metadata?: Readonly<Record<string, string>>,
): Generator<Uint8Array> {
  const list = [...tensors];
  const { header, names } = layOut(
    list.map(([name, { dtype, shape, data }]) => [name, { dtype, shape, bytes: data.byteLength }]),
    metadata,
  );
  yield header;
  const byName = new Map(list);
  for (const name of names) {
    const { data } = byName.get(name)!;
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  }
}

type Entry = readonly [name: string, entry: TensorEntry];

function inFileOrder(list: readonly Entry[]): Entry[] {
  const tensors = new Map(list);
  if (tensors.size < list.length) throw new ForetokenError('file.entry', 'two tensors have the same name');
  // `W.q` takes the place of `W.scale`, and comes right after it.
  const leader = (name: string): string => {
    const scale = name.replace(/\.q$/, '.scale');
    return tensors.has(scale) ? scale : name;
  };
  const bits = (name: string): number => DTYPE_BITS[tensors.get(leader(name))!.dtype];
  const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return [...list].sort(
    ([a], [b]) => bits(b) - bits(a) || compare(leader(a), leader(b)) || compare(b, a), // 'W.scale' before 'W.q'
  );
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

/** The whole file in memory; arguments and errors of `layOut`. */
export function writeSafetensors(
  tensors: Iterable<NamedTensor>,
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
