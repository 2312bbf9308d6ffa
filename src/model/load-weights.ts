/**
 * Loading weights: from the tensors of a checkpoint, a few rows at a time, straight to their packed place in a model's memories.
 * @module
 */
import { packBf16, packF32, packQ4, packQ8 } from '../engine/packing.ts';
import { ForetokenError, quote } from '../errors.ts';
import { encodeBf16 } from '../formats/float16.ts';
import type { ModelConfig, Quantization } from '../formats/hf-config.ts';
import { dequantizeQ4, type Q4Matrix, quantizeQ4 } from '../formats/q4.ts';
import { dequantizeQ8, type Q8Matrix, quantizeQ8 } from '../formats/q8.ts';
import {
  expectTensor,
  type ReadOptions,
  readFloats,
  readRows,
  Scratch,
  type TensorDescription,
  type Tensors,
} from '../formats/tensors.ts';
import { Breather } from '../runtime/breathe.ts';
import type { TensorName } from './architectures/layout.ts';
import { type MatrixPlan, type VectorPlan, type WeightsPlan, weightPlans } from './memory-plan.ts';

/** All ones in an f16, and in a bf16, that is NaN or infinite. */
const F16_EXPONENT = 0x7c00;
const BF16_EXPONENT = 0x7f80;

/** Bytes of the checkpoint read so far, and of all that the model needs. */
export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

export interface LoadWeightsOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** A matrix as the checkpoint stores it: floats, or blocks and their scales. */
type StoredMatrix =
  | { readonly floats: TensorDescription }
  | { readonly q: TensorDescription; readonly scale: TensorDescription; readonly quantization: Quantization };

/** The tensors of a checkpoint that a plan needs, found and checked. */
export interface CheckedWeights {
  readonly vectors: readonly { plan: VectorPlan; tensor: TensorDescription }[];
  readonly matrices: readonly { plan: MatrixPlan; firstRow: number; stored: StoredMatrix }[];
  readonly totalBytes: number;
}

/**
 * Finds every tensor that the plan names.
 * @throws {ForetokenError} what `expectTensor` throws for a missing tensor or a wrong shape or type
 */
export function checkWeights(
  weights: WeightsPlan,
  tensors: Tensors,
  quantization: ModelConfig['quantization'],
): CheckedWeights {
  const plans = weightPlans(weights);
  const vectors = plans
    .filter((plan) => 'tensor' in plan)
    .map((plan) => ({ plan, tensor: expectTensor(tensors, plan.tensor.name, plan.tensor.shape) }));
  const matrixPlans = plans.filter((plan) => 'tensors' in plan);
  const matrices = matrixPlans.flatMap((plan) => {
    let firstRow = 0;
    return plan.tensors.map((name) => {
      const part = { plan, firstRow, stored: findMatrix(tensors, name, quantization) };
      firstRow += name.shape[0]!;
      return part;
    });
  });
  const parts = [
    ...vectors.map(({ tensor }) => tensor),
    ...matrices.flatMap(({ stored }) => ('floats' in stored ? [stored.floats] : [stored.q, stored.scale])),
  ];
  return { vectors, matrices, totalBytes: parts.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function findMatrix(
  tensors: Tensors,
  { name, shape }: TensorName,
  quantization: ModelConfig['quantization'],
): StoredMatrix {
  if (!quantization) return { floats: expectTensor(tensors, name, shape) };
  const [rows, cols] = shape as [number, number];
  const { format, blockSize } = quantization;
  return {
    q:
      format === 'q8'
        ? expectTensor(tensors, `${name}.q`, shape, ['I8'])
        : expectTensor(tensors, `${name}.q`, [rows, cols / 2], ['U8']),
    scale: expectTensor(tensors, `${name}.scale`, [rows, cols / blockSize], ['F16']),
    quantization,
  };
}

/**
 * Reads every tensor into its memory.
 * @param memories by the number of the stage
 * @throws {ForetokenError} `file.nonfinite`, and what the source's `read` throws
 * @throws the signal's reason, once it aborts
 */
export async function loadWeights(
  memories: readonly WebAssembly.Memory[],
  weights: CheckedWeights,
  options: LoadWeightsOptions,
): Promise<void> {
  const { totalBytes } = weights;
  let loadedBytes = 0;
  const breather = new Breather(); // bytes in memory come without a macrotask
  const progress = (bytes: number) => {
    options.onProgress?.({ loadedBytes: (loadedBytes += bytes), totalBytes });
    return breather.due();
  };
  const readOptions = { scratch: new Scratch(), ...(options.signal && { signal: options.signal }) };

  // In the order of the files, so that a network source is read once from front to back.
  const vectors = weights.vectors.map(({ plan, tensor }) => ({
    first: tensor,
    load: async () => {
      for await (const { row, data } of readFloats(tensor, readOptions)) {
        new Float32Array(memories[plan.stage]!.buffer, plan.address + row * 4, data.length).set(data);
      }
      await progress(tensor.bytes);
    },
  }));
  const matrices = weights.matrices.map(({ plan, firstRow, stored }) => {
    const first = 'floats' in stored ? stored.floats : stored.scale;
    const load = async () => {
      const rows = 'floats' in stored ? floatRows(stored.floats, readOptions) : blockRows(stored, plan, readOptions);
      for await (const { row, values, bytes } of rows) {
        pack(memories[plan.stage]!.buffer, plan, firstRow + row, values, first.name);
        await progress(bytes);
      }
    };
    return { first, load };
  });
  const inFileOrder = [...vectors, ...matrices].sort(
    (a, b) => compareText(a.first.source.name, b.first.source.name) || a.first.begin - b.first.begin,
  );
  for (const { load } of inFileOrder) await load();
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A few rows of a matrix: as floats, or in the blocks that they are stored in. */
type Values = Float32Array | { readonly q8: Q8Matrix } | { readonly q4: Q4Matrix };

/** Some rows of a matrix, and how many bytes of the file they were. */
interface MatrixRows {
  readonly row: number;
  readonly values: Values;
  readonly bytes: number;
}

async function* floatRows(tensor: TensorDescription, options: ReadOptions): AsyncGenerator<MatrixRows> {
  const bytesPerElement = tensor.bytes / tensor.elements;
  for await (const { row, data } of readFloats(tensor, options)) {
    yield { row, values: data, bytes: data.length * bytesPerElement };
  }
}

async function* blockRows(
  { q, scale, quantization }: Exclude<StoredMatrix, { floats: unknown }>,
  { inDim }: MatrixPlan,
  options: ReadOptions,
): AsyncGenerator<MatrixRows> {
  const { format, blockSize } = quantization;
  // Our writer puts the scales, which are few, before the matrix: they are read whole, then the bytes in pieces.
  const scales = new Uint16Array(scale.elements);
  for await (const { row, data } of readRows(scale, options)) {
    new Uint8Array(scales.buffer, (row * inDim * 2) / blockSize, data.length).set(data);
  }
  checkScales(scales, scale.name);
  for await (const { row, rows, data } of readRows(q, options)) {
    const blocks = scales.subarray((row * inDim) / blockSize, ((row + rows) * inDim) / blockSize);
    const values =
      format === 'q8'
        ? { q8: { q: new Int8Array(data.buffer, data.byteOffset, data.length), scale: blocks } }
        : { q4: { q: data, scale: blocks } };
    yield { row, values, bytes: data.length + blocks.byteLength };
  }
}

/** Packs rows in the type of the plan; blocks of another type go by way of floats. */
function pack(memory: ArrayBuffer, plan: MatrixPlan, row: number, values: Values, tensor: string): void {
  const { address, inDim, dtype } = plan;
  switch (dtype) {
    case 'f32':
      packF32(memory, address, toFloats(values), row, inDim);
      break;
    case 'bf16':
      packBf16(memory, address, toBf16(toFloats(values), tensor), row, inDim);
      break;
    case 'q8':
      packQ8(memory, address, 'q8' in values ? values.q8 : checked(quantizeQ8(toFloats(values)), tensor), row, inDim);
      break;
    case 'q4':
      packQ4(memory, address, 'q4' in values ? values.q4 : checked(quantizeQ4(toFloats(values)), tensor), row, inDim);
      break;
  }
}

/** What is finite as f32 may be too large for the f16 scale of its block. @throws {ForetokenError} `file.nonfinite` */
function checked<Matrix extends { readonly scale: Uint16Array }>(matrix: Matrix, tensor: string): Matrix {
  checkScales(matrix.scale, tensor);
  return matrix;
}

function toFloats(values: Values): Float32Array {
  if (values instanceof Float32Array) return values;
  return 'q8' in values ? dequantizeQ8(values.q8) : dequantizeQ4(values.q4);
}

/** @throws {ForetokenError} `file.nonfinite` for what rounds to infinity */
function toBf16(values: Float32Array, tensor: string): Uint16Array {
  const halves = new Uint16Array(values.length);
  encodeBf16(values, halves);
  for (let i = 0; i < halves.length; i++) {
    if ((halves[i]! & BF16_EXPONENT) === BF16_EXPONENT) {
      throw new ForetokenError('file.nonfinite', `tensor ${quote(tensor)}: a weight is not finite as bf16`);
    }
  }
  return halves;
}

/** @param scales f16 @throws {ForetokenError} `file.nonfinite` */
function checkScales(scales: Uint16Array, tensor: string): void {
  if (scales.some((bits) => (bits & F16_EXPONENT) === F16_EXPONENT)) {
    throw new ForetokenError('file.nonfinite', `tensor ${quote(tensor)}: the scale of a block is not finite as f16`);
  }
}
