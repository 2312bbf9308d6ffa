/**
 * Byte sources: a file as something that can be read at an offset, wherever it lies. Loading asks for pieces of a megabyte or two in the
 * order of the file, so that no source ever holds it whole.
 * @module
 */
import { ForetokenError } from '../errors.ts';

/** A file of known size. */
export interface ByteSource {
  /** For messages: the file's name, without its folder or address. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /**
   * The bytes from `offset` to `offset + length`, all of them. They may be a view on memory that the source keeps: callers do not write.
   * Reading onwards is cheap on every source; a network source answers jumps with a request of their own.
   *
   * @param into at least `length` bytes that the source may fill and return a view of, instead of taking new memory
   * @throws {ForetokenError} `source.bounds` outside the file; `source.read`, `source.range`, `source.changed` when reading fails
   * @throws the signal's reason, as it is, once the signal aborts
   */
  read(offset: number, length: number, signal?: AbortSignal, into?: Uint8Array): Promise<Uint8Array>;
  /** Lets go of what reading keeps open, such as a connection; a later read opens it again. */
  close?(): void;
}

/** What can be turned into a source as it is. */
export type Bytes = ArrayBuffer | Uint8Array | Blob;

/** A source over bytes in memory, which are not copied, or over a Blob or File, which is read as needed. */
export function bytesSource(bytes: Bytes, name: string): ByteSource {
  if (bytes instanceof Blob) return blobSource(bytes, name);
  const view = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  return {
    name,
    size: view.length,
    async read(offset, length, signal) {
      checkRead(this, offset, length, signal);
      return view.subarray(offset, offset + length);
    },
  };
}

function blobSource(blob: Blob, name: string): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, length, signal) {
      checkRead(this, offset, length, signal);
      let buffer: ArrayBuffer;
      try {
        buffer = await blob.slice(offset, offset + length).arrayBuffer();
      } catch (cause) {
        throw new ForetokenError('source.read', `${name}: reading ${length} bytes at ${offset} failed`, { cause });
      }
      signal?.throwIfAborted();
      if (buffer.byteLength !== length) throw changed(name);
      return new Uint8Array(buffer);
    },
  };
}

/**
 * What every `read` does first.
 * @throws {ForetokenError} `source.bounds`
 * @throws the reason of a signal that has aborted
 */
export function checkRead(source: ByteSource, offset: number, length: number, signal: AbortSignal | undefined): void {
  signal?.throwIfAborted();
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (!whole || offset < 0 || length < 0 || offset + length > source.size) {
    const { name, size } = source;
    throw new ForetokenError('source.bounds', `${name}: ${length} bytes at ${offset} of ${size} were asked for`);
  }
}

/** Where a read of `length` bytes goes. */
export function readTarget(length: number, into: Uint8Array | undefined): Uint8Array {
  return into && into.length >= length ? into.subarray(0, length) : new Uint8Array(length);
}

/** The bytes, copied when they do not begin at a multiple of `step`. */
export function aligned(bytes: Uint8Array, step: number): Uint8Array {
  // Not `slice`: that of Node's Buffer copies nothing.
  return bytes.byteOffset % step === 0 ? bytes : new Uint8Array(bytes);
}

/** The file is not the one that was opened. */
export function changed(name: string): ForetokenError {
  return new ForetokenError('source.changed', `${name} changed while it was read`);
}

/**
 * The whole of a small file.
 * @param most largest size accepted, bytes
 * @throws {ForetokenError} `source.size` when the file is larger, before anything is read
 */
export async function readAll(source: ByteSource, most: number, signal?: AbortSignal): Promise<Uint8Array> {
  if (source.size > most) {
    throw new ForetokenError('source.size', `${source.name}: ${source.size} bytes, expected at most ${most}`);
  }
  return source.read(0, source.size, signal);
}
