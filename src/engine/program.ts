/**
 * Program: a forward pass as a flat array of kernel calls, written by the host and run by the kernels in one call.
 * @module
 */
import { OP_WORDS } from './opcodes.ts';

const floatWord = new Float32Array(1);
const integerWord = new Int32Array(floatWord.buffer);

/** The operand word of an f32: its bits, read as an integer. */
export function floatBits(value: number): number {
  floatWord[0] = value;
  return integerWord[0]!;
}

/** Writes ops into a region of the kernels' memory. */
export class ProgramWriter {
  /** Byte address of the first op. */
  readonly address: number;
  readonly #words: Int32Array;
  #ops = 0;

  /** @param capacity ops that the region at `address` holds; it has `ProgramWriter.bytes(capacity)` bytes */
  constructor(memory: WebAssembly.Memory, address: number, capacity: number) {
    this.address = address;
    this.#words = new Int32Array(memory.buffer, address, capacity * OP_WORDS);
  }

  static bytes(capacity: number): number {
    return capacity * OP_WORDS * Int32Array.BYTES_PER_ELEMENT;
  }

  /** Ops written since the last `clear`. */
  get ops(): number {
    return this.#ops;
  }

  clear(): void {
    this.#ops = 0;
  }

  /** Appends one op. Operands are in the order that opcodes.ts gives; addresses over 2 GB wrap to the same 32 bits. */
  push(opcode: number, ...operands: readonly number[]): void {
    const words = this.#words;
    let word = this.#ops++ * OP_WORDS;
    words[word] = opcode;
    for (const operand of operands) words[++word] = operand;
  }
}
