/**
 * Loading weights: from the tensors of a checkpoint, a few rows at a time, straight to their packed place in a model's memory.
 * @module
 */
import { Breather } from '../runtime/breathe.ts';
import { packF32, packQ8 } from '../engine/packing.ts';
import { ForetokenError, quote } from '../errors.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import { dequantizeQ8, Q8_BLOCK, type Q8Matrix, quantizeQ8 } from '../formats/q8.ts';
import {
  expectTensor,
  type ReadOptions,
  readFloats,
  readRows,
  Scratch,
  type TensorDescription,
  type Tensors,
} from '../formats/tensors.ts';
import type { TensorName } from './architectures/layout.ts';
import type { MatrixPlan, VectorPlan, WeightsPlan } from './memory-plan.ts';

/** All ones in an f16 that is NaN or infinite. */
const F16_EXPONENT = 0x7c00;

/** Bytes of the checkpoint read so far, and of all that the model needs. */
export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

export interface LoadWeightsOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** A matrix as the checkpoint stores it: floats, or q8 blocks and their scales. */
type StoredMatrix =
  | { readonly floats: TensorDescription }
  | { readonly q: TensorDescription; readonly scale: TensorDescription };

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
  const { embedding, layers, finalNorm, head } = weights;
  const vectorPlans = [...layers.flatMap((layer) => [layer.attentionNorm, layer.feedForwardNorm]), finalNorm];
  const matrixPlans = new Set([
    embedding,
    ...layers.flatMap((layer) => [layer.queryKeyValue, layer.output, layer.gateUp, layer.down]),
    head,
  ]);
  const vectors = vectorPlans.map((plan) => ({
    plan,
    tensor: expectTensor(tensors, plan.tensor.name, plan.tensor.shape),
  }));
  const matrices = [...matrixPlans].flatMap((plan) => {
    let firstRow = 0;
    return plan.tensors.map((name) => {
      const part = { plan, firstRow, stored: findMatrix(tensors, name, quantization) };
      firstRow += name.shape[0]!;
      return part;
    });
  });
  const parts = [
    ...vectors.map(({ tensor }) => tensor),
    ...matrices.flatMap(({ stored }) => Object.values(stored) as TensorDescription[]),
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
  return {
    q: expectTensor(tensors, `${name}.q`, shape, ['I8']),
    scale: expectTensor(tensors, `${name}.scale`, [rows, cols / quantization.blockSize], ['F16']),
  };
}

/**
 * Reads every tensor into the memory.
 * @throws {ForetokenError} `file.nonfinite`, and what the source's `read` throws
 * @throws the signal's reason, once it aborts
 */
export async function loadWeights(
  memory: WebAssembly.Memory,
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
        new Float32Array(memory.buffer, plan.address + row * 4, data.length).set(data);
      }
      await progress(tensor.bytes);
    },
  }));
  const matrices = weights.matrices.map(({ plan, firstRow, stored }) => ({
    first: 'floats' in stored ? stored.floats : stored.scale,
    load: async () => {
      for await (const { row, values, bytes } of matrixRows(stored, plan, readOptions)) {
        if (values instanceof Float32Array) packF32(memory.buffer, plan.address, values, firstRow + row, plan.inDim);
        else packQ8(memory.buffer, plan.address, values, firstRow + row, plan.inDim);
        await progress(bytes);
      }
    },
  }));
  const inFileOrder = [...vectors, ...matrices].sort(
    (a, b) => compareText(a.first.source.name, b.first.source.name) || a.first.begin - b.first.begin,
  );
  for (const { load } of inFileOrder) await load();
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Some rows of a matrix in the type of the plan, and how many bytes of the file they were. */
interface MatrixRows {
  readonly row: number;
  readonly values: Float32Array | Q8Matrix;
  readonly bytes: number;
}

async function* matrixRows(stored: StoredMatrix, plan: MatrixPlan, options: ReadOptions): AsyncGenerator<MatrixRows> {
  if ('floats' in stored) {
    const bytesPerElement = stored.floats.bytes / stored.floats.elements;
    for await (const { row, data } of readFloats(stored.floats, options)) {
      const values = plan.dtype === 'q8' ? quantizeQ8(data) : data;
      // What is finite as f32 may be too large for the f16 scale of its block.
      if (!(values instanceof Float32Array)) checkScales(values.scale, stored.floats.name);
      yield { row, values, bytes: data.length * bytesPerElement };
    }
    return;
  }
  // Our writer puts the scales, which are few, before the matrix: they are read whole, then the bytes in pieces.
  const scales = new Uint16Array(stored.scale.elements);
  for await (const { row, data } of readRows(stored.scale, options)) {
    new Uint8Array(scales.buffer, (row * plan.inDim * 2) / Q8_BLOCK, data.length).set(data);
  }
  checkScales(scales, stored.scale.name);
  for await (const { row, data } of readRows(stored.q, options)) {
    const firstBlock = (row * plan.inDim) / Q8_BLOCK;
    const matrix = {
      q: new Int8Array(data.buffer, data.byteOffset, data.length),
      scale: scales.subarray(firstBlock, firstBlock + data.length / Q8_BLOCK),
    };
    yield { row, values: plan.dtype === 'q8' ? matrix : dequantizeQ8(matrix), bytes: data.length * (1 + 2 / Q8_BLOCK) };
  }
}

/** @param scales f16 @throws {ForetokenError} `file.nonfinite` */
function checkScales(scales: Uint16Array, tensor: string): void {
  if (scales.some((bits) => (bits & F16_EXPONENT) === F16_EXPONENT)) {
    throw new ForetokenError('file.nonfinite', `tensor ${quote(tensor)}: the scale of a block is not finite as f16`);
  }
}
