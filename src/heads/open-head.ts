/**
 * A head's folder, opened: what the head is made of, where its weights are, and whether it fits the model that it is to draft for. Weights are not read.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { readAll } from '../formats/byte-source.ts';
import { openCheckpoint } from '../formats/checkpoint.ts';
import type { Folder } from '../formats/folder.ts';
import { type ModelConfig, openHfConfig } from '../formats/hf-config.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { expectTensor, readRows, type Tensors } from '../formats/tensors.ts';
import { type HeadConfig, type HeadLayout, headLayout, isHeadConfig, readHeadConfig } from './format.ts';
import { readPublished } from './published.ts';

export interface OpenHead {
  readonly config: HeadConfig;
  readonly layout: HeadLayout;
  readonly tensors: Tensors;
  /** (V',) the target's id of each token that can be drafted; undefined: all of them. */
  readonly draftVocab: Int32Array | undefined;
}

/** One for each head and block, and the accuracies: 16 times 64 numbers. */
const MOST_CONFIG_BYTES = 2 ** 18;
/** What heads are published in besides `model.safetensors`, once they have been converted. */
const OTHER_NAMES = ['medusa_lm_head.safetensors', 'hydra_lm_head.safetensors'];
const PICKLES = ['medusa_lm_head.pt', 'hydra_lm_head.pt', 'pytorch_model.bin'];

/**
 * @param target configuration of the model that the head is to draft for
 * @throws {ForetokenError} `source.*`, `file.*`, `config.*` for what the folder holds; `file.pickle` where it holds a pickle only; `heads.target` for a head
 *   of another hidden size or vocabulary; `heads.vocab` for a draft vocabulary that is none
 */
export async function openHead(folder: Folder, target: ModelConfig, signal?: AbortSignal): Promise<OpenHead> {
  const file = await folder.file('config.json', signal);
  if (!file) throw new ForetokenError('file.missing', 'the folder of the head holds no config.json');
  const fields = openHfConfig(await readAll(file, MOST_CONFIG_BYTES, signal));
  const found = await openWeights(folder, signal);
  const { config, tensors } = isHeadConfig(fields)
    ? { config: readHeadConfig(fields), tensors: found }
    : readPublished(fields, found, target);
  checkTarget(config, target);
  const layout = headLayout(config);
  return { config, layout, tensors, draftVocab: await readDraftVocab(layout, tensors, config, signal) };
}

/** @throws {ForetokenError} `file.pickle`, and what `openCheckpoint` states */
async function openWeights(folder: Folder, signal: AbortSignal | undefined): Promise<Tensors> {
  for (const name of OTHER_NAMES) {
    const file = await folder.file(name, signal);
    if (file) return (await readSafetensors(file, signal)).tensors;
  }
  try {
    return await openCheckpoint(folder, signal);
  } catch (error) {
    if (!(error instanceof ForetokenError && error.code === 'file.missing')) throw error;
    for (const name of PICKLES) {
      if (!(await folder.file(name, signal))) continue;
      const message = `${name} is a Python pickle, a program that whoever opens it runs: convert it to safetensors first (docs/heads.md)`;
      throw new ForetokenError('file.pickle', message, { cause: error });
    }
    throw error;
  }
}

/** @throws {ForetokenError} `heads.target` */
function checkTarget({ hidden, vocab }: HeadConfig, target: ModelConfig): void {
  if (hidden === target.hidden && vocab === target.vocab) return;
  throw new ForetokenError(
    'heads.target',
    `the head was made for a model of hidden size ${hidden} and ${vocab} tokens: this one has ${target.hidden} and ${target.vocab}`,
  );
}

/** @throws {ForetokenError} `file.tensor`, `file.dtype`, `config.shape` for the tensor; `heads.vocab` for an id that is none, or is there twice */
async function readDraftVocab(
  { draftVocab: expected }: HeadLayout,
  tensors: Tensors,
  { vocab }: HeadConfig,
  signal: AbortSignal | undefined,
): Promise<Int32Array | undefined> {
  if (!expected) return undefined;
  const tensor = expectTensor(tensors, expected.name, expected.shape, ['I32', 'I64']);
  const ids: number[] = [];
  for await (const { data } of readRows(tensor, signal ? { signal } : {})) {
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const wide = tensor.dtype === 'I64';
    for (let at = 0; at < data.byteLength; at += wide ? 8 : 4) {
      ids.push(wide ? Number(view.getBigInt64(at, true)) : view.getInt32(at, true));
    }
  }
  const bad = ids.findIndex((id) => id < 0 || id >= vocab);
  if (bad >= 0 || new Set(ids).size < ids.length) {
    const what = bad >= 0 ? `entry ${bad} is ${ids[bad]}, expected 0..${vocab - 1}` : 'an id is there twice';
    throw new ForetokenError('heads.vocab', `${quote(expected.name)}: ${what}`);
  }
  return Int32Array.from(ids);
}
