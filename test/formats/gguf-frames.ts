/** Builds GGUF files that no writer would write. @module */

/** Bytes of numbers and texts, little endian. */
export const u8 = (...values: number[]): Uint8Array => Uint8Array.from(values);
export const u32 = (value: number): Uint8Array => viewOf(4, (view) => view.setUint32(0, value, true));
export const f32 = (value: number): Uint8Array => viewOf(4, (view) => view.setFloat32(0, value, true));
export const u64 = (value: number | bigint): Uint8Array =>
  viewOf(8, (view) => view.setBigUint64(0, BigInt.asUintN(64, BigInt(value)), true));
/** With its length before it. @param length the one that is claimed; by default the true one */
export const text = (value: string | Uint8Array, length?: number | bigint): Uint8Array => {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return join(u64(length ?? bytes.length), bytes);
};

function viewOf(bytes: number, write: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(bytes));
  write(view);
  return new Uint8Array(view.buffer);
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** The numbers of value types. */
export const VALUE = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  text: 8,
  list: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const;

/** A pair: its key, the number of its type, and its value. */
export const pair = (key: string | Uint8Array, type: number, value: Uint8Array): Uint8Array =>
  join(text(key), u32(type), value);
export const listPair = (key: string, type: number, count: number | bigint, items: Uint8Array): Uint8Array =>
  pair(key, VALUE.list, join(u32(type), u64(count), items));

/** The entry of a tensor; sizes as the file has them, fastest first. */
export function tensor(
  name: string | Uint8Array,
  sizes: readonly (number | bigint)[],
  type: number,
  offset: number | bigint,
  sizeCount = sizes.length,
): Uint8Array {
  return join(text(name), u32(sizeCount), ...sizes.map(u64), u32(type), u64(offset));
}

/** What a file is made of. */
export interface Frame {
  readonly magic?: string;
  readonly version?: number;
  /** Counts that are claimed; by default the true ones. */
  readonly tensorCount?: number | bigint;
  readonly pairCount?: number | bigint;
  readonly pairs?: readonly Uint8Array[];
  readonly tensors?: readonly Uint8Array[];
  /** Bytes of data behind the header and its padding. */
  readonly data?: number;
  /** Where the data begin. */
  readonly alignment?: number;
}

export function ggufFrame({
  magic = 'GGUF',
  version = 3,
  pairs = [],
  tensors = [],
  tensorCount = tensors.length,
  pairCount = pairs.length,
  data = 0,
  alignment = 32,
}: Frame): Uint8Array {
  const head = join(
    new TextEncoder().encode(magic),
    u32(version),
    u64(tensorCount),
    u64(pairCount),
    ...pairs,
    ...tensors,
  );
  if (data === 0 && tensors.length === 0) return head;
  return join(head, new Uint8Array((alignment - (head.length % alignment)) % alignment), new Uint8Array(data));
}
