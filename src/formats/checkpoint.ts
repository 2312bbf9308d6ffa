/**
 * A checkpoint in a folder, as Hugging Face transformers writes it: `model.safetensors`, or several files and an index of which tensor
 * lies in which.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { type ByteSource, readAll } from './byte-source.ts';
import { checkName, type Folder } from './folder.ts';
import { type JsonObject, parseJson } from './json.ts';
import { readSafetensors } from './safetensors.ts';
import type { TensorDescription, Tensors } from './tensors.ts';

const CHECKPOINT_NAME = 'model.safetensors';
const INDEX_NAME = 'model.safetensors.index.json';

/** Largest index accepted: one of a model of 100,000 tensors has about 10 MB. */
const MOST_INDEX_BYTES = 32 * 2 ** 20;

/**
 * Describes every tensor of a folder's checkpoint; weights are not read.
 *
 * @throws {ForetokenError} `file.missing` when there is neither file; `file.index` for a malformed index; `file.shard` when index and
 *   files disagree; what `readSafetensors` throws for each file
 */
export async function openCheckpoint(folder: Folder, signal?: AbortSignal): Promise<Tensors> {
  const single = await folder.file(CHECKPOINT_NAME, signal);
  if (single) return (await readSafetensors(single, signal)).tensors;
  const index = await folder.file(INDEX_NAME, signal);
  if (!index) throw new ForetokenError('file.missing', `the folder holds neither ${CHECKPOINT_NAME} nor ${INDEX_NAME}`);
  return openShards(folder, await readIndex(index, signal), signal);
}

/** @returns tensor name -> file name */
async function readIndex(source: ByteSource, signal: AbortSignal | undefined): Promise<ReadonlyMap<string, string>> {
  const index = parseJson(await readAll(source, MOST_INDEX_BYTES, signal), source.name, { depth: 8 });
  const weightMap = index instanceof Map ? (index as JsonObject).get('weight_map') : undefined;
  if (!(weightMap instanceof Map) || weightMap.size === 0) {
    throw new ForetokenError('file.index', `${source.name} has no "weight_map" of tensors and files`);
  }
  for (const [tensor, file] of weightMap) {
    if (typeof file !== 'string' || !file.endsWith('.safetensors')) {
      throw new ForetokenError('file.index', `${source.name}: tensor ${quote(tensor)} is not in a .safetensors file`);
    }
    checkName(file);
  }
  return weightMap as ReadonlyMap<string, string>;
}

async function openShards(
  folder: Folder,
  weightMap: ReadonlyMap<string, string>,
  signal: AbortSignal | undefined,
): Promise<Tensors> {
  const tensors = new Map<string, TensorDescription>();
  for (const name of new Set(weightMap.values())) {
    const shard = await folder.file(name, signal);
    if (!shard) throw new ForetokenError('file.shard', `${quote(name)}, named by the index, is missing`);
    for (const tensor of (await readSafetensors(shard, signal)).tensors.values()) {
      if (weightMap.get(tensor.name) !== name) {
        const place = weightMap.has(tensor.name) ? 'places it in another file' : 'does not name it';
        throw new ForetokenError('file.shard', `${quote(name)} holds tensor ${quote(tensor.name)}: the index ${place}`);
      }
      tensors.set(tensor.name, tensor);
    }
    // Many shards would hold many connections; each is opened again when its weights are read.
    shard.close?.();
  }
  for (const [tensor, name] of weightMap) {
    if (!tensors.has(tensor)) {
      throw new ForetokenError(
        'file.shard',
        `${quote(name)} does not hold tensor ${quote(tensor)}: the index says it does`,
      );
    }
  }
  return tensors;
}
