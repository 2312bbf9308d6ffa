/**
 * Loading weights: from the tensors of a checkpoint, a few rows at a time, straight to their packed place in a model's memories.
 * @module
 */
import { packHalves, packF32, packQ4, packQ8 } from '../engine/packing.ts';
import type { ModelConfig, Quantization } from '../formats/hf-config.ts';
import {
  expectTensor,
  FLOAT_DTYPES,
  type ReadOptions,
  readFloats,
  readRows,
  rowsFrom,
  type TensorDescription,
  type Tensors,
} from '../formats/tensors.ts';
import { Scratch } from '../formats/scratch.ts';
import { checkFinite, checkScales, toBf16, toF16, toFloats, toQ4, toQ8, type Values } from '../formats/values.ts';
import { Breather } from '../runtime/breathe.ts';
import type { TensorName } from './architectures/layout.ts';
import { type MatrixPlan, type VectorPlan, type WeightsPlan, weightPlans } from './memory-plan.ts';

/** Bytes of the checkpoint read so far, and of all that the model needs. */
export interface LoadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
}

export interface LoadWeightsOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
}

/** What a matrix that is one tensor may be stored as: floats, or blocks that hold their scales. */
const MATRIX_DTYPES: readonly TensorDescription['dtype'][] = [
  ...FLOAT_DTYPES,
  ...(['Q8_0', 'Q4_0', 'Q4_1', 'Q5_0', 'Q5_1', 'Q4_K', 'Q5_K', 'Q6_K'] as const),
];

/** Scales that are held at once, 2 MiB of them: those of any matrix but the embeddings of large vocabularies. */
const MOST_SCALES = 2 ** 20;

/** A matrix as the checkpoint stores it: one tensor, or blocks in one and their scales in another. */
export type StoredMatrix =
  | { readonly whole: TensorDescription; readonly read?: TensorName['read'] }
  | { readonly q: TensorDescription; readonly scale: TensorDescription; readonly quantization: Quantization };

/** The tensors of a checkpoint that a plan needs, found and checked. */
export interface CheckedWeights {
  readonly vectors: readonly (PlannedPart<VectorPlan> & { readonly tensor: TensorDescription })[];
  readonly matrices: readonly (PlannedPart<MatrixPlan> & { readonly stored: StoredMatrix })[];
  readonly totalBytes: number;
}

/** One of the tensors that a matrix or a vector is made of. */
interface PlannedPart<Plan> {
  readonly plan: Plan;
  readonly part: TensorName;
  /** Row of the matrix, or element of the vector, where it begins. */
  readonly firstRow: number;
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
  const isMatrix = (plan: MatrixPlan | VectorPlan): plan is MatrixPlan => 'dtype' in plan;
  const vectors = plans
    .filter((plan) => !isMatrix(plan))
    .flatMap(partsOf)
    .map((each) => ({ ...each, tensor: expectTensor(tensors, storedName(tensors, each.part), each.part.shape) }));
  const matrices = plans
    .filter(isMatrix)
    .flatMap(partsOf)
    .map((each) => ({ ...each, stored: findMatrix(tensors, each.part, quantization) }));
  const parts = [
    ...vectors.map(({ tensor }) => tensor),
    ...matrices.flatMap(({ stored }) => ('whole' in stored ? [stored.whole] : [stored.q, stored.scale])),
  ];
  return { vectors, matrices, totalBytes: parts.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function partsOf<Plan extends MatrixPlan | VectorPlan>(plan: Plan): PlannedPart<Plan>[] {
  let firstRow = 0;
  return plan.tensors.map((part) => {
    const planned = { plan, part, firstRow };
    firstRow += part.shape[0]!;
    return planned;
  });
}

/** The name that a checkpoint gives a tensor. */
export function storedName(tensors: Tensors, { name, alias }: TensorName): string {
  return alias !== undefined && !tensors.has(name) && tensors.has(alias) ? alias : name;
}

/** @throws {ForetokenError} what `expectTensor` throws */
export function findMatrix(
  tensors: Tensors,
  part: TensorName,
  quantization: ModelConfig['quantization'],
): StoredMatrix {
  const { shape, read, exact } = part;
  const [rows, cols] = shape as [number, number];
  const name = storedName(tensors, part);
  if (!quantization || exact) {
    if (read) return { whole: expectTensor(tensors, name, [cols, rows]), read };
    return { whole: expectTensor(tensors, name, shape, MATRIX_DTYPES) };
  }
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
  const scratch = new Scratch();
  const readOptions = { scratch, ...(options.signal && { signal: options.signal }) };

  // In the order of the files, so that a network source is read once from front to back.
  const vectors = weights.vectors.map(({ plan, part, firstRow, tensor }) => ({
    first: tensor,
    load: async () => {
      const { spread = asTheyCome, plus = 0 } = part;
      const to = new Float32Array(memories[plan.stage]!.buffer, plan.address + firstRow * 4, part.shape[0]);
      for await (const { row, data } of readFloats(tensor, readOptions)) {
        for (const run of spread({ row, values: data }, 1)) {
          const values = run.values as Float32Array;
          for (let i = 0; i < values.length; i++) to[run.row + i] = values[i]! + plus;
        }
      }
      await progress(tensor.bytes);
    },
  }));
  const matrices = weights.matrices.map(({ plan, part, firstRow, stored }) => {
    const first = firstTensor(stored);
    const load = async () => {
      for await (const { row, values, bytes } of readMatrix(stored, plan.inDim, readOptions)) {
        for (const run of (part.spread ?? asTheyCome)({ row, values }, plan.inDim)) {
          pack(memories[plan.stage]!.buffer, plan, { ...run, row: firstRow + run.row }, first.name, scratch);
        }
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

/** The tensor of a matrix that comes first in the file. */
export function firstTensor(stored: StoredMatrix): TensorDescription {
  return 'whole' in stored ? stored.whole : stored.scale;
}

/** Rows of a matrix that follow one another, or elements of a vector. */
export interface RowRun {
  readonly row: number;
  readonly values: Values;
}

const asTheyCome = (rows: RowRun): Iterable<RowRun> => [rows];

/** Some rows of a matrix, and how many bytes of the file they were. */
export interface MatrixRows extends RowRun {
  readonly bytes: number;
}

/**
 * The rows of a matrix, a few at a time, in order; they are valid until the next ones are asked for.
 * @param inDim elements of a row
 * @throws {ForetokenError} `file.nonfinite`, and what the source's `read` throws
 */
export function readMatrix(stored: StoredMatrix, inDim: number, options: ReadOptions): AsyncGenerator<MatrixRows> {
  if (!('whole' in stored)) return blockRows(stored, inDim, options);
  const { whole, read } = stored;
  return read ? read(readFloats(whole, options), whole) : wholeRows(whole, options);
}

async function* wholeRows(tensor: TensorDescription, options: ReadOptions): AsyncGenerator<MatrixRows> {
  const { decode, name } = tensor;
  if (!decode) {
    const bytesPerElement = tensor.bytes / tensor.elements;
    for await (const { row, data } of readFloats(tensor, options)) {
      yield { row, values: data, bytes: data.length * bytesPerElement };
    }
    return;
  }
  const scratch = options.scratch ?? new Scratch();
  for await (const { row, data } of readRows(tensor, { ...options, scratch })) {
    const values = decode(data, scratch);
    checkFinite(values, name);
    yield { row, values, bytes: data.length };
  }
}

async function* blockRows(
  { q, scale, quantization }: Exclude<StoredMatrix, { whole: unknown }>,
  inDim: number,
  options: ReadOptions,
): AsyncGenerator<MatrixRows> {
  const { format, blockSize } = quantization;
  const { scratch = new Scratch() } = options;
  // Our writer puts the scales, which are few, before the matrix: those of many rows are read, then the bytes in pieces.
  const step = Math.max(1, Math.floor((MOST_SCALES * blockSize) / inDim));
  for (let first = 0; first < q.shape[0]!; first += step) {
    const scales = scratch.halves(Math.min(step, q.shape[0]! - first) * (inDim / blockSize), 'storedScales');
    for await (const { row, data } of readRows(rowsFrom(scale, first, step), { ...options, scratch })) {
      new Uint8Array(scales.buffer, (row * inDim * 2) / blockSize, data.length).set(data);
    }
    checkScales(scales, scale.name);
    for await (const { row, rows, data } of readRows(rowsFrom(q, first, step), { ...options, scratch })) {
      const blocks = scales.subarray((row * inDim) / blockSize, ((row + rows) * inDim) / blockSize);
      const values =
        format === 'q8'
          ? { q8: { q: new Int8Array(data.buffer, data.byteOffset, data.length), scale: blocks } }
          : { q4: { q: data, scale: blocks } };
      yield { row: first + row, values, bytes: data.length + blocks.byteLength };
    }
  }
}

/** Packs rows in the type of the plan; blocks of another type go by way of floats. */
function pack(memory: ArrayBuffer, plan: MatrixPlan, { row, values }: RowRun, tensor: string, scratch: Scratch): void {
  const { address, inDim, dtype } = plan;
  switch (dtype) {
    case 'f32':
      packF32(memory, address, toFloats(values, scratch), row, inDim);
      break;
    case 'bf16':
      packHalves(memory, address, toBf16(values, tensor, scratch), row, inDim);
      break;
    case 'f16':
      packHalves(memory, address, toF16(values, tensor, scratch), row, inDim);
      break;
    case 'q8':
      packQ8(memory, address, toQ8(values, tensor, scratch), row, inDim);
      break;
    case 'q4':
      packQ4(memory, address, toQ4(values, tensor, scratch), row, inDim);
      break;
  }
}
