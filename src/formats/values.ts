/**
 * Rows of weights in the types that they are held and stored in: each turned into any other, with what does not fit refused. What they
 * are turned into lies in the scratch that is given, until it is used again; by default each time in new memory.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { encodeBf16, encodeF16, firstNonfinite } from './float16.ts';
import { dequantizeQ4, type Q4Matrix, quantizeQ4 } from './q4.ts';
import { dequantizeQ8, type Q8Matrix, quantizeQ8 } from './q8.ts';
import { Scratch } from './scratch.ts';

/** Some rows of a matrix: as floats, or in the blocks that they are stored in. */
export type Values = Float32Array | { readonly q8: Q8Matrix } | { readonly q4: Q4Matrix };

/** All ones in an f16, and in a bf16, that is NaN or infinite. */
const F16_EXPONENT = 0x7c00;
const BF16_EXPONENT = 0x7f80;

/** The values that rows stand for. */
export function toFloats(values: Values, scratch = new Scratch()): Float32Array {
  if (values instanceof Float32Array) return values;
  return 'q8' in values ? dequantizeQ8(values.q8, scratch) : dequantizeQ4(values.q4, scratch);
}

/** @param tensor its name, for messages @throws {ForetokenError} `file.nonfinite` for what rounds to infinity */
export function toBf16(values: Values, tensor: string, scratch = new Scratch()): Uint16Array {
  const floats = toFloats(values, scratch);
  const halves = scratch.halves(floats.length, 'halves');
  encodeBf16(floats, halves);
  return finite(halves, BF16_EXPONENT, tensor, 'a weight is not finite as bf16');
}

/** @throws {ForetokenError} `file.nonfinite` for what rounds to infinity */
export function toF16(values: Values, tensor: string, scratch = new Scratch()): Uint16Array {
  const floats = toFloats(values, scratch);
  const halves = scratch.halves(floats.length, 'halves');
  encodeF16(floats, halves);
  return finite(halves, F16_EXPONENT, tensor, 'a weight is not finite as f16');
}

/** Blocks of 8 bits: as they are, or rounded. @throws {ForetokenError} `file.nonfinite` for a weight too large for the scale of a block */
export function toQ8(values: Values, tensor: string, scratch = new Scratch()): Q8Matrix {
  return 'q8' in values ? values.q8 : checked(quantizeQ8(toFloats(values, scratch), scratch), tensor);
}

/** Blocks of 4 bits; the same. */
export function toQ4(values: Values, tensor: string, scratch = new Scratch()): Q4Matrix {
  return 'q4' in values ? values.q4 : checked(quantizeQ4(toFloats(values, scratch), scratch), tensor);
}

/** What a file holds. @throws {ForetokenError} `file.nonfinite` */
export function checkFinite(values: Values, tensor: string): void {
  if ('q8' in values) checked(values.q8, tensor);
  else if ('q4' in values) checked(values.q4, tensor);
  else if (firstNonfinite(values) !== -1) {
    throw new ForetokenError(
      'file.nonfinite',
      `tensor ${quote(tensor)}: a block stands for a value that is not finite`,
    );
  }
}

/** What is finite as f32 may be too large for the f16 scale of its block. */
function checked<Matrix extends { readonly scale: Uint16Array }>(matrix: Matrix, tensor: string): Matrix {
  checkScales(matrix.scale, tensor);
  return matrix;
}

/** @param scales f16 @throws {ForetokenError} `file.nonfinite` */
export function checkScales(scales: Uint16Array, tensor: string): void {
  finite(scales, F16_EXPONENT, tensor, 'the scale of a block is not finite as f16');
}

function finite(halves: Uint16Array, exponent: number, tensor: string, problem: string): Uint16Array {
  for (let i = 0; i < halves.length; i++) {
    if ((halves[i]! & exponent) === exponent) {
      throw new ForetokenError('file.nonfinite', `tensor ${quote(tensor)}: ${problem}`);
    }
  }
  return halves;
}
