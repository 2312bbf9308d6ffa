/**
 * Cache snapshot: the committed positions of a session as bytes.
 *
 *   magic u32, format u32, layers u32, kvHeads u32, headDim u32, weights u32, length u32, then for each layer and each kv head
 *   length x headDim keys and length x headDim values, row-major, little-endian: the same bytes whatever path led there, and however many
 *   memories the model is split over.
 *
 * `format` is 1 for f32, 2 for f16, 3 for q8: a cache is saved as it is held, q8 with the (length,) scales behind the keys and behind the values.
 * `weights` tells models of the same shapes apart, and types of the same weights. The caller keeps what the tokens were.
 * @module
 */
import { KV_TYPES, type KvType, kvBytes, kvRowBytes, kvScaleBytes, kvUnitBytes } from '../engine/kv-type.ts';
import { KEY_BLOCK } from '../engine/opcodes.ts';
import { ForetokenError } from '../errors.ts';
import { aligned } from '../formats/byte-source.ts';
import { formOf, frequenciesFor } from './form.ts';
import { type CachePlan, weightPlans } from './memory-plan.ts';
import type { TransformerModel } from './transformer-model.ts';

const MAGIC = 0x76_6b_74_66; // "ftkv"
const HEADER_WORDS = 7;
/** Words of the weights that a fingerprint looks at, evenly spread: as good as all of them, without the time to read them. */
const FINGERPRINT_WORDS = 4096;

/** Units of a key: one number, of q8 two, that lie together (KEYS in opcodes.ts). They are moved by their bits. */
const UNITS: Record<KvType, new (buffer: ArrayBufferLike, at: number, n: number) => Record<number, number>> = {
  f32: Uint32Array,
  f16: Uint16Array,
  q8: Uint16Array,
};

/** Copies the rows of `length` slots from a cache to a snapshot, or with `restore` back. */
function copyRows(
  model: TransformerModel,
  cache: CachePlan,
  length: number,
  snapshot: Uint8Array,
  restore: boolean,
): void {
  const { plan } = model;
  const { kv } = plan.options;
  const { layers, kvHeads, headDim } = model.config;
  const headBytes = kvRowBytes(kv, plan.capacity, headDim);
  const rowBytes = headDim * kvBytes(kv);
  let saved = HEADER_WORDS * 4; // where the snapshot goes on

  /** Copies `bytes`, whose units of a type begin at an address of a layer's memory and lie `step` units apart. */
  const copy = (layer: number, type: KvType, address: number, bytes: number, step: number) => {
    const n = bytes / kvUnitBytes(type);
    const memory = new UNITS[type](model.layerBuffer(layer), address, (n - 1) * step + 1);
    const rows = new UNITS[type](snapshot.buffer, snapshot.byteOffset + saved, n);
    if (restore) for (let i = 0; i < n; i++) memory[i * step] = rows[i]!;
    else for (let i = 0; i < n; i++) rows[i] = memory[i * step]!;
    saved += bytes;
  };
  const copyScales = (layer: number, region: number) => {
    copy(layer, 'f32', region + plan.capacity * rowBytes, length * kvScaleBytes(kv), 1);
  };

  for (let layer = 0; layer < layers; layer++) {
    for (let head = 0; head < kvHeads; head++) {
      const keys = cache.keys[layer]! + head * headBytes;
      const values = cache.values[layer]! + head * headBytes;
      for (let slot = 0; slot < length; slot++) {
        const block = slot - (slot % KEY_BLOCK);
        copy(layer, kv, keys + block * rowBytes + (slot - block) * kvUnitBytes(kv), rowBytes, KEY_BLOCK);
      }
      copyScales(layer, keys);
      copy(layer, kv, values, length * rowBytes, 1);
      copyScales(layer, values);
    }
  }
}

function headerOf(model: TransformerModel, length: number): Uint32Array {
  const { layers, kvHeads, headDim } = model.config;
  const format = KV_TYPES[model.plan.options.kv] + 1;
  return Uint32Array.of(MAGIC, format, layers, kvHeads, headDim, weightsFingerprint(model), length);
}

/**
 * FNV-1a over words of the packed weights, laid end to end: the same wherever in which memory they lie. Keys that turned by frequencies for
 * longer contexts are not those of a shorter one, so the choice is part of it.
 */
function weightsFingerprint({ machines, plan, config }: TransformerModel): number {
  const step = Math.max(1, Math.floor(plan.weightBytes / 4 / FINGERPRINT_WORDS));
  const isLonger = formOf(config).ropes.some((rope) => frequenciesFor(rope, plan.options.context) !== rope.frequencies);
  let hash = 0x811c9dc5 ^ Number(isLonger);
  let i = 0;
  for (const { stage, address, bytes } of weightPlans(plan.weights)) {
    const words = new Uint32Array(machines[stage]!.memory.buffer, address, bytes / 4);
    for (; i < words.length; i += step) hash = Math.imul(hash ^ words[i]!, 0x01000193);
    i -= words.length;
  }
  return hash;
}

/** Bytes of a snapshot of `length` positions. */
function snapshotBytes({ config, plan }: TransformerModel, length: number): number {
  const { layers, kvHeads, headDim } = config;
  return HEADER_WORDS * 4 + kvRowBytes(plan.options.kv, layers * kvHeads * 2 * length, headDim);
}

export function saveCache(model: TransformerModel, cache: CachePlan, length: number): Uint8Array {
  const snapshot = new Uint8Array(snapshotBytes(model, length));
  new Uint32Array(snapshot.buffer).set(headerOf(model, length));
  copyRows(model, cache, length, snapshot, false);
  return snapshot;
}

/** @returns the number of committed positions restored */
export function loadCache(model: TransformerModel, cache: CachePlan, bytes: Uint8Array, positions?: number): number {
  const refuse = (reason: string) => new ForetokenError('session.snapshot', `not a snapshot of this model: ${reason}`);
  if (bytes.length < HEADER_WORDS * 4 || bytes.length % 4 !== 0) throw refuse(`${bytes.length} bytes`);
  const snapshot = aligned(bytes, 4);
  const header = new Uint32Array(snapshot.buffer, snapshot.byteOffset, HEADER_WORDS);
  const length = header[HEADER_WORDS - 1]!;
  if (positions !== undefined && length !== positions) throw refuse(`${length} positions, expected ${positions}`);
  const expected = headerOf(model, length);
  if (header.some((word, i) => word !== expected[i]))
    throw refuse(`header ${header.join(' ')}, expected ${expected.join(' ')}`);
  if (length > model.plan.options.context)
    throw refuse(`${length} positions, the context holds ${model.plan.options.context}`);
  const expectedBytes = snapshotBytes(model, length);
  if (bytes.length !== expectedBytes) throw refuse(`${bytes.length} bytes, expected ${expectedBytes}`);
  copyRows(model, cache, length, snapshot, true);
  return length;
}
