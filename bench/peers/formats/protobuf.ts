/**
 * Protocol buffers, the writing half: what an ONNX file is made of. Large fields are not copied.
 * @module
 */

/** An encoded field, or several. */
export interface Field {
  readonly bytes: number;
  readonly pieces: readonly Uint8Array[];
}

const VARINT = 0;
const LENGTH_DELIMITED = 2;
const FIXED32 = 5;

export function join(fields: readonly Field[]): Field {
  return {
    bytes: fields.reduce((sum, { bytes }) => sum + bytes, 0),
    pieces: fields.flatMap(({ pieces }) => pieces),
  };
}

/** @param value 0 or more, or a bigint of 64 bits in two's complement */
export function int(field: number, value: number | bigint): Field {
  return own([...tag(field, VARINT), ...varint(value)]);
}

export function float(field: number, value: number): Field {
  const four = new Uint8Array(Float32Array.of(value).buffer);
  return own([...tag(field, FIXED32), ...four]);
}

export function text(field: number, value: string): Field {
  return bytes(field, new TextEncoder().encode(value));
}

export function bytes(field: number, { buffer, byteOffset, byteLength }: ArrayBufferView): Field {
  return delimited(field, { bytes: byteLength, pieces: [new Uint8Array(buffer, byteOffset, byteLength)] });
}

export function message(field: number, ...fields: readonly Field[]): Field {
  return delimited(field, join(fields));
}

function delimited(field: number, content: Field): Field {
  return join([own([...tag(field, LENGTH_DELIMITED), ...varint(content.bytes)]), content]);
}

const tag = (field: number, kind: number): number[] => varint((field << 3) | kind);

function varint(value: number | bigint): number[] {
  let rest = BigInt.asUintN(64, BigInt(value));
  const digits: number[] = [];
  for (; rest >= 0x80n; rest >>= 7n) digits.push(Number(rest & 0x7fn) | 0x80);
  return [...digits, Number(rest)];
}

function own(values: readonly number[]): Field {
  const piece = Uint8Array.from(values);
  return { bytes: piece.length, pieces: [piece] };
}
