/** Builds safetensors files that the writer would not write. @module */
import type { ByteSource } from '../../src/formats/byte-source.ts';

/** A header and what follows it. @param headerBytes the length that the frame claims; by default the true one */
export function frame(header: string | Uint8Array, dataBytes: number, headerBytes?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, headerBytes ?? BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

/** A header entry with these fields, as JSON. */
export function entry(
  name: string,
  dtype: string,
  shape: string,
  begin: number | string,
  end: number | string,
): string {
  return `"${name}":{"dtype":"${dtype}","shape":${shape},"data_offsets":[${begin},${end}]}`;
}

/**
 * A source that claims `size` bytes, zeros after those given, and fails a test that reads more of it than a hostile file may cost.
 * @param most bytes that may be read in all
 */
export function meteredSource(bytes: Uint8Array, size = bytes.length, most = 2 ** 16): ByteSource {
  let left = most;
  return {
    name: 'model.safetensors',
    size,
    async read(offset, length) {
      left -= length;
      if (left < 0) throw new Error(`more than ${most} bytes were read`);
      const piece = new Uint8Array(length);
      piece.set(bytes.subarray(offset, offset + length));
      return piece;
    },
  };
}
