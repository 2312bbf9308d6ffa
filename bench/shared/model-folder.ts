/**
 * Models of random weights as folders on disk: what a cold process, a page or a server meets.
 * @module
 */
import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { randomModel, SHAPES } from '../../src/cli/random-model.ts';
import { convertedModel } from '../../src/convert/parts.ts';
import { toFolder } from '../../src/convert/to-folder.ts';
import { toGguf } from '../../src/convert/to-gguf.ts';
import { openCheckpoint } from '../../src/formats/checkpoint.ts';
import { openFolder } from '../../src/formats/folder.ts';
import { quantizeQ8 } from '../../src/formats/q8.ts';
import { type NamedTensor, safetensorsPieces } from '../../src/formats/safetensors-writer.ts';
import { readFloats, type TensorDescription } from '../../src/formats/tensors.ts';
import { openModel } from '../../src/load.ts';
import { repository } from './prompts.ts';

/**
 * A folder with the shape's random weights, stored as q8; made once and kept in `.cache/`.
 * @param name one of SHAPES
 * @returns its path
 */
export async function q8ModelFolder(name: string): Promise<string> {
  const path = join(repository, '.cache', `${name}-q8`);
  if (existsSync(path)) return path;
  const files = randomModel(SHAPES[name]!);
  const tensors = await openCheckpoint(await openFolder(files));
  const stored: NamedTensor[] = [];
  for (const tensor of tensors.values()) stored.push(...(await storedAs(tensor)));

  const unfinished = `${path}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  const config = JSON.parse(new TextDecoder().decode(files['config.json']!));
  config.quantization_config = { quant_method: 'foretoken', format: 'q8', block_size: 32 };
  writeFileSync(join(unfinished, 'config.json'), JSON.stringify(config));
  const file = openSync(join(unfinished, 'model.safetensors'), 'w');
  for (const piece of safetensorsPieces(stored)) writeSync(file, piece);
  closeSync(file);
  renameSync(unfinished, path);
  return path;
}

/**
 * A checkpoint of random weights in both formats, made once and kept in `.cache/`.
 * @param megabytes about so many of weights: layers are added until there are as many
 * @returns names within `.cache/`
 */
export async function randomCheckpoint(
  megabytes: number,
  type: 'bf16' | 'q8',
): Promise<{ folder: string; gguf: string }> {
  const folder = `random-${megabytes}-${type}`;
  const gguf = `${folder}.gguf`;
  const [folderPath, ggufPath] = [join(repository, '.cache', folder), join(repository, '.cache', gguf)];
  if (existsSync(folderPath) && existsSync(ggufPath)) return { folder, gguf };
  const shape = { vocab: 32_000, hidden: 1024, intermediate: 2816, queryHeads: 16, kvHeads: 4, headDim: 64 };
  const layerWeights =
    2 * shape.hidden * (shape.queryHeads + shape.kvHeads) * shape.headDim + 3 * shape.hidden * shape.intermediate;
  const bytesEach = type === 'q8' ? 34 / 32 : 2;
  const layers = Math.max(1, Math.round(((megabytes * 1e6) / bytesEach - shape.vocab * shape.hidden) / layerWeights));
  const converted = await convertedModel(await openModel(randomModel({ ...shape, layers })), type);
  rmSync(folderPath, { recursive: true, force: true });
  mkdirSync(folderPath, { recursive: true });
  for (const { name, pieces } of await toFolder(converted)) await writePieces(join(folderPath, name), pieces());
  await writePieces(ggufPath, toGguf(converted));
  return { folder, gguf };
}

/** Under another name first, so that an interrupted run leaves nothing that looks like a model. */
async function writePieces(path: string, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
  const file = openSync(`${path}.part`, 'w');
  for await (const piece of pieces) writeSync(file, piece);
  closeSync(file);
  renameSync(`${path}.part`, path);
}

/** Matrices as q8, vectors as f32. */
async function storedAs(tensor: TensorDescription): Promise<NamedTensor[]> {
  const { name, shape, elements } = tensor;
  const values = new Float32Array(elements);
  const rowLength = elements / (shape[0] ?? 1);
  for await (const { row, data } of readFloats(tensor)) values.set(data, row * rowLength);
  if (shape.length < 2) return [[name, { dtype: 'F32', shape, data: values }]];
  const { q, scale } = quantizeQ8(values);
  return [
    [`${name}.q`, { dtype: 'I8', shape, data: q }],
    [`${name}.scale`, { dtype: 'F16', shape: [shape[0]!, shape[1]! / 32], data: scale }],
  ];
}
