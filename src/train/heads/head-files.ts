/**
 * The files of a trained head: config.json, and model.safetensors with its matrices in the type that was asked for.
 * @module
 */
import { encoded } from '../../convert/parts.ts';
import { type NamedTensor, writeSafetensors } from '../../formats/safetensors-writer.ts';
import { toFloats, toBf16, toQ8 } from '../../formats/values.ts';
import { decodeBf16 } from '../../formats/float16.ts';
import { type HeadConfig, headConfigJson, headShapes } from '../../heads/format.ts';

/** How matrices are stored; vectors are f32 in each. */
export type HeadType = 'f32' | 'bf16' | 'q8';
export const HEAD_TYPES: readonly HeadType[] = ['f32', 'bf16', 'q8'];

const BLOCK = 32;
/** The one tensor that is not trained. */
export const DRAFT_VOCABULARY = 'draft_vocab';

/** A head's numbers by the names of its tensors, row by row. */
export type HeadValues = ReadonlyMap<string, Float32Array>;

/** q8 where every matrix has rows of whole blocks, else bf16. */
export function defaultType(config: HeadConfig): HeadType {
  const fits = [...headShapes(config).values()].every(([, cols]) => cols === undefined || cols % BLOCK === 0);
  return fits ? 'q8' : 'bf16';
}

/** Matrices as they will be read from the file. */
export function rounded(values: Float32Array, type: HeadType, name: string): Float32Array {
  if (type === 'f32') return values;
  if (type === 'q8') return toFloats({ q8: toQ8(values, name) });
  const floats = new Float32Array(values.length);
  decodeBf16(toBf16(values, name), floats);
  return floats;
}

/**
 * @param targetIds (V',) of a reduced draft vocabulary
 * @throws {ForetokenError} `file.nonfinite` for a number that the type does not hold
 */
export function headFiles(
  config: HeadConfig,
  values: HeadValues,
  targetIds: Int32Array,
  type: HeadType,
): Map<'config.json' | 'model.safetensors', Uint8Array> {
  const tensors = [...headShapes(config)].flatMap(([name, shape]): NamedTensor[] => {
    if (name === DRAFT_VOCABULARY) return [[name, { dtype: 'I32', shape, data: targetIds }]];
    const numbers = values.get(name)!;
    const rows = encoded(numbers, shape.length === 1 ? 'f32' : type, name);
    if ('data' in rows) {
      const dtype = shape.length > 1 && type === 'bf16' ? 'BF16' : 'F32';
      return [[name, { dtype, shape, data: rows.data }]];
    }
    const [count, cols] = shape as [number, number];
    return [
      [`${name}.scale`, { dtype: 'F16', shape: [count, cols / BLOCK], data: rows.scale }],
      [`${name}.q`, { dtype: 'I8', shape, data: rows.q }],
    ];
  });
  const quantization = type === 'q8' ? ({ format: 'q8', blockSize: BLOCK } as const) : undefined;
  const json = `${JSON.stringify(headConfigJson({ ...config, quantization }), sixDigits, 2)}\n`;
  return new Map([
    ['config.json', new TextEncoder().encode(json)],
    ['model.safetensors', writeSafetensors(tensors)],
  ]);
}

/** Shares need no more digits than a sample of thousands gives them. */
function sixDigits(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}
