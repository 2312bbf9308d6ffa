/**
 * Cache snapshot: the committed positions of a session as bytes.
 *
 *   magic u32, version u32, layers u32, kvHeads u32, headDim u32, weights u32, length u32, then for each layer and each kv head
 *   length x headDim keys and length x headDim values, f32, little-endian, row-major: the same bytes whatever path led there, and however many
 *   memories the model is split over.
 *
 * `weights` tells models of the same shapes apart, and types of the same weights. The caller keeps what the tokens were.
 * @module
 */
import { KEY_BLOCK } from '../engine/opcodes.ts';
import { ForetokenError } from '../errors.ts';
import { aligned } from '../formats/byte-source.ts';
import { type CachePlan, weightPlans } from './memory-plan.ts';
import type { TransformerModel } from './transformer-model.ts';

const MAGIC = 0x76_6b_74_66; // "ftkv"
const VERSION = 1;
const HEADER_WORDS = 7;
/** Words of the weights that a fingerprint looks at, evenly spread: as good as all of them, without the time to read them. */
const FINGERPRINT_WORDS = 4096;

/** Calls `visit` with each head's memory, the float index of its key and value regions there, and of its rows in a snapshot, in file order. */
function forEachHead(
  model: TransformerModel,
  cache: CachePlan,
  length: number,
  visit: (memory: Float32Array, keys: number, values: number, row: number) => void,
): void {
  const { config, plan } = model;
  let row = HEADER_WORDS;
  for (let layer = 0; layer < config.layers; layer++) {
    const memory = new Float32Array(model.layerBuffer(layer));
    for (let head = 0; head < config.kvHeads; head++) {
      const offset = head * plan.capacity * config.headDim;
      visit(memory, cache.keys[layer]! / 4 + offset, cache.values[layer]! / 4 + offset, row);
      row += 2 * length * config.headDim;
    }
  }
}

/** Float index, within a head's key region, of element d of a slot: KEYS in opcodes.ts. */
const keyIndex = (slot: number, d: number, headDim: number): number =>
  (Math.floor(slot / KEY_BLOCK) * headDim + d) * KEY_BLOCK + (slot % KEY_BLOCK);

function headerOf(model: TransformerModel, length: number): Uint32Array {
  const { layers, kvHeads, headDim } = model.config;
  return Uint32Array.of(MAGIC, VERSION, layers, kvHeads, headDim, weightsFingerprint(model), length);
}

/** FNV-1a over words of the packed weights, laid end to end: the same wherever in which memory they lie. */
function weightsFingerprint({ machines, plan }: TransformerModel): number {
  const step = Math.max(1, Math.floor(plan.weightBytes / 4 / FINGERPRINT_WORDS));
  let hash = 0x811c9dc5;
  let i = 0;
  for (const { stage, address, bytes } of weightPlans(plan.weights)) {
    const words = new Uint32Array(machines[stage]!.memory.buffer, address, bytes / 4);
    for (; i < words.length; i += step) hash = Math.imul(hash ^ words[i]!, 0x01000193);
    i -= words.length;
  }
  return hash;
}

export function saveCache(model: TransformerModel, cache: CachePlan, length: number): Uint8Array {
  const { layers, kvHeads, headDim } = model.config;
  const snapshot = new Float32Array(HEADER_WORDS + layers * kvHeads * 2 * length * headDim);
  new Uint32Array(snapshot.buffer).set(headerOf(model, length));
  forEachHead(model, cache, length, (memory, keys, values, row) => {
    for (let slot = 0; slot < length; slot++) {
      for (let d = 0; d < headDim; d++) snapshot[row + slot * headDim + d] = memory[keys + keyIndex(slot, d, headDim)]!;
    }
    snapshot.set(memory.subarray(values, values + length * headDim), row + length * headDim);
  });
  return new Uint8Array(snapshot.buffer);
}

/** @returns the number of committed positions restored */
export function loadCache(model: TransformerModel, cache: CachePlan, bytes: Uint8Array, positions?: number): number {
  const { layers, kvHeads, headDim } = model.config;
  const refuse = (reason: string) => new ForetokenError('session.snapshot', `not a snapshot of this model: ${reason}`);
  if (bytes.length < HEADER_WORDS * 4 || bytes.length % 4 !== 0) throw refuse(`${bytes.length} bytes`);
  const { buffer, byteOffset } = aligned(bytes, 4);
  const snapshot = new Float32Array(buffer, byteOffset, bytes.length / 4);
  const header = new Uint32Array(buffer, byteOffset, HEADER_WORDS);
  const length = header[HEADER_WORDS - 1]!;
  if (positions !== undefined && length !== positions) throw refuse(`${length} positions, expected ${positions}`);
  const expected = headerOf(model, length);
  if (header.some((word, i) => word !== expected[i]))
    throw refuse(`header ${header.join(' ')}, expected ${expected.join(' ')}`);
  if (length > model.plan.options.context)
    throw refuse(`${length} positions, the context holds ${model.plan.options.context}`);
  const words = HEADER_WORDS + layers * kvHeads * 2 * length * headDim;
  if (snapshot.length !== words) throw refuse(`${bytes.length} bytes, expected ${words * 4}`);
  forEachHead(model, cache, length, (memory, keys, values, row) => {
    for (let slot = 0; slot < length; slot++) {
      for (let d = 0; d < headDim; d++) memory[keys + keyIndex(slot, d, headDim)] = snapshot[row + slot * headDim + d]!;
    }
    memory.set(snapshot.subarray(row + length * headDim, row + 2 * length * headDim), values);
  });
  return length;
}
