/**
 * Every contestant's copy of the same random model, made once and kept in `.cache/`.
 * @module
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { randomModel, SHAPES } from '../../../src/cli/random-model.ts';
import { readWeights } from './checkpoint.ts';
import { convertedModel } from '../../../src/convert/parts.ts';
import { toGguf } from '../../../src/convert/to-gguf.ts';
import { openModel } from '../../../src/load.ts';
import { onnxPieces } from './onnx.ts';
import { tokenPairs } from './tokens.ts';

/** How weights are held: f32, 8 or 4 bits, whatever a contestant calls it. */
export const PRECISIONS = ['f32', 'q8', 'q4'] as const;
export type Precision = (typeof PRECISIONS)[number];

export const FORMATS = ['safetensors', 'gguf', 'onnx'] as const;
export type Format = (typeof FORMATS)[number];

/** Changes when a writer does: a new folder, so that no old file is measured. */
const REVISION = 2;

const ONNX_TYPES = { f32: 'f32', q8: 'int8', q4: 'q4' } as const;

/** Folder of the models, and its address below the repository. */
const CACHE = fileURLToPath(new URL('../.cache', import.meta.url));

/** Path of a model below the cache: a folder for safetensors, else a file. */
export function modelPath(shape: string, format: Format, precision: Precision): string {
  const folder = join(CACHE, `${shape}-${REVISION}`);
  return format === 'safetensors' ? join(folder, 'safetensors') : join(folder, `${precision}.${format}`);
}

/** Writes what is missing of a shape. Safetensors is one bf16 checkpoint for all precisions. */
export async function ensureModels(
  shape: string,
  formats: readonly Format[],
  precisions: readonly Precision[],
): Promise<void> {
  const wanted = formats.flatMap((format) => precisions.map((precision) => ({ format, precision })));
  const missing = wanted.filter(({ format, precision }) => !existsSync(modelPath(shape, format, precision)));
  if (missing.length === 0) return;
  const sizes = SHAPES[shape];
  if (!sizes) throw new Error(`no shape ${shape}: expected one of ${Object.keys(SHAPES).join(', ')}`);
  const files = randomModel(sizes);
  const weights = readWeights(sizes, files);
  for (const { format, precision } of missing) {
    const path = modelPath(shape, format, precision);
    if (existsSync(path)) continue; // safetensors, of an earlier precision
    console.log(`writing ${path}`);
    if (format === 'safetensors') await writeFolder(path, files);
    else if (format === 'onnx') await write(path, onnxPieces(weights, ONNX_TYPES[precision]));
    else await write(path, toGguf(await convertedModel(await openModel(files), precision), tokenPairs(sizes.vocab)));
  }
}

async function writeFolder(path: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) await write(join(`${path}.part`, name), [bytes]);
  renameSync(`${path}.part`, path);
}

/** A file is there when it is whole. */
async function write(path: string, content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(`${path}.new`, 'w');
  for await (const piece of content) for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
  closeSync(file);
  renameSync(`${path}.new`, path);
}
