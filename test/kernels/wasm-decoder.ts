/**
 * Reads a WebAssembly binary far enough to list its sections and every instruction.
 * Source: WebAssembly Core Specification 2.0, chapter 5 (binary format).
 * @module
 */

/** Sections of the binary format that tests ask about, by id. */
export const SECTION = { table: 4, start: 8, element: 9, code: 10, data: 11 } as const;

/** A module's sections in order: id and contents. */
export function sections(bytes: Uint8Array): { id: number; contents: Uint8Array }[] {
  const reader = new Reader(bytes);
  reader.skip(8); // magic and version
  const found: { id: number; contents: Uint8Array }[] = [];
  while (!reader.done) {
    const id = reader.byte();
    found.push({ id, contents: reader.take(reader.integer()) });
  }
  return found;
}

/** Opcodes of all functions in order; one behind a prefix is prefix * 65536 + its number: 0xfd0100 is the first relaxed one. */
export function instructions(bytes: Uint8Array): number[] {
  const code = sections(bytes).find(({ id }) => id === SECTION.code);
  if (!code) return [];
  const reader = new Reader(code.contents);
  const found: number[] = [];
  for (let functions = reader.integer(); functions > 0; functions--) {
    const body = new Reader(reader.take(reader.integer()));
    for (let groups = body.integer(); groups > 0; groups--) {
      body.integer(); // locals of one type: how many
      body.skip(1); // the type
    }
    while (!body.done) {
      const opcode = body.byte();
      const whole = PREFIXES.has(opcode) ? opcode * 65536 + body.integer() : opcode;
      skipImmediates(whole, body);
      found.push(whole);
    }
  }
  return found;
}

/** Numeric instructions, vector instructions and atomics stand behind a prefix. */
const PREFIXES = new Set([0xfc, 0xfd, 0xfe]);

/** What follows each opcode: first, last, and the kinds of immediates in order. */
const IMMEDIATES: [number, number, ...Immediate[]][] = [
  [0x00, 0x01],
  [0x02, 0x04, 'integer'], // block, loop, if: a type
  [0x05, 0x05],
  [0x0b, 0x0b],
  [0x0c, 0x0d, 'integer'],
  [0x0e, 0x0e, 'integers', 'integer'], // br_table
  [0x0f, 0x0f],
  [0x10, 0x10, 'integer'],
  [0x11, 0x11, 'integer', 'integer'],
  [0x1a, 0x1b],
  [0x1c, 0x1c, 'integers'],
  [0x20, 0x26, 'integer'],
  [0x28, 0x3e, 'integer', 'integer'], // loads and stores: alignment, offset
  [0x3f, 0x42, 'integer'],
  [0x43, 0x43, 4],
  [0x44, 0x44, 8],
  [0x45, 0xc4],
  [0xfc0000, 0xfc0007],
  [0xfc000a, 0xfc000a, 'integer', 'integer'], // memory.copy
  [0xfc000b, 0xfc000b, 'integer'], // memory.fill
  [0xfd0000, 0xfd000b, 'integer', 'integer'],
  [0xfd000c, 0xfd000d, 16], // v128.const, i8x16.shuffle
  [0xfd000e, 0xfd0014],
  [0xfd0015, 0xfd0022, 1], // lanes
  [0xfd0023, 0xfd0053],
  [0xfd0054, 0xfd005b, 'integer', 'integer', 1], // loads and stores of a lane
  [0xfd005c, 0xfd005d, 'integer', 'integer'],
  [0xfd005e, 0xfd0113],
];

type Immediate = 'integer' | 'integers' | number;

function skipImmediates(opcode: number, reader: Reader): void {
  const row = IMMEDIATES.find(([first, last]) => opcode >= first && opcode <= last);
  if (!row) throw new Error(`opcode 0x${opcode.toString(16)} is none that this decoder knows`);
  for (const immediate of row.slice(2) as Immediate[]) {
    if (immediate === 'integer') reader.integer();
    else if (immediate === 'integers') for (let n = reader.integer(); n > 0; n--) reader.integer();
    else reader.skip(immediate);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new Error('the module ends inside an instruction');
    return value;
  }

  /** An LEB128 integer: its low 32 bits, unsigned. */
  integer(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const next = this.byte();
      if (shift < 32) value |= (next & 127) << shift;
      if (next < 128) return value >>> 0;
    }
  }

  take(length: number): Uint8Array {
    const start = this.#at;
    this.skip(length);
    return this.#bytes.subarray(start, this.#at);
  }

  skip(length: number): void {
    this.#at += length;
    if (this.#at > this.#bytes.length) throw new Error('the module ends inside a section');
  }
}
