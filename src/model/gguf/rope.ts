/**
 * The rotation by position in GGUF: base, elements that turn, and how positions are scaled.
 *
 *   rope.scaling.type       config.json
 *   none, or absent         positions are not scaled
 *   linear                  linear
 *   yarn                    yarn
 *   tensor rope_freqs       longrope with one list of factors, which is what a scaling of `llama3` comes to
 *   tensors rope_factors_*  longrope
 *
 * Source: the keys of gguf-py 0.19.0, what llama.cpp's conversion writes, and its reading of them.
 * @module
 */
import type { Pair } from '../../formats/gguf-writer.ts';
import type { JsonObject, JsonValue } from '../../formats/json.ts';
import type { Rope } from '../form.ts';
import { f32, type Setting, u32, unsayable } from './family.ts';
import type { Metadata } from './metadata.ts';
import { headsOf } from './sizes.ts';

export interface RopeOptions {
  /** Base where the file states none. */
  readonly theta?: number;
  /** What config.json calls the part of a head that turns; without a name all of it does. */
  readonly part?: string;
  /** Layers with a window turn by a base of their own, which is this one where the file states none. */
  readonly slidingTheta?: number;
}

const THETA = 'rope.freq_base';
const SLIDING_THETA = 'rope.freq_base_swa';
const ROTATED = 'rope.dimension_count';
const TYPE = 'rope.scaling.type';
const FACTOR = 'rope.scaling.factor';
const TRAINED = 'rope.scaling.original_context_length';
const SHARPNESS = 'rope.scaling.attn_factor';
const FAST = 'rope.scaling.yarn_beta_fast';
const SLOW = 'rope.scaling.yarn_beta_slow';

export function rope({ theta = 10_000, part, slidingTheta }: RopeOptions = {}): Setting {
  return {
    read(gguf) {
      const { headDim } = headsOf(gguf);
      const rotated = gguf.integer(ROTATED, 2, headDim, headDim);
      if (rotated !== headDim && part === undefined) {
        throw gguf.fields.unsupported(gguf.key(ROTATED), `${headDim}, the width of a head`);
      }
      return {
        rope_theta: gguf.number(THETA, 1, 1e12, theta),
        rope_scaling: readScaling(gguf, rotated),
        ...(part !== undefined && { [part]: partOf(rotated, headDim) }),
        ...(slidingTheta !== undefined && { rope_local_base_freq: gguf.number(SLIDING_THETA, 1, 1e12, slidingTheta) }),
      };
    },
    write({ ropeTheta, headDim, form }) {
      const [full, sliding] = form?.ropes ?? [];
      if (sliding?.origin?.scaling) throw unsayable('positions that are scaled in layers with a window');
      return [
        f32(THETA, full?.origin?.theta ?? ropeTheta),
        u32(ROTATED, form?.rotated ?? headDim),
        ...(sliding ? [f32(SLIDING_THETA, sliding.origin!.theta)] : []),
        ...(full ? scalingPairs(full) : []),
      ];
    },
  };
}

/** Part of a head of which so many elements turn, which is rounded down to whole ones. */
function partOf(rotated: number, headDim: number): number {
  const part = rotated / headDim;
  return Math.floor(headDim * part) === rotated ? part : (rotated + 0.5) / headDim;
}

/** @throws {ForetokenError} `config.*` */
function readScaling(gguf: Metadata, rotated: number): JsonObject | null {
  const { fields, factors } = gguf;
  // llama.cpp takes a factor without a type for a linear one.
  const type = gguf.string(TYPE, gguf.has(FACTOR) ? 'linear' : 'none');
  const factor = () => gguf.number(FACTOR, 1, 1e6);
  const sharpness = gguf.number(SHARPNESS, 0, 1e3, 1);
  const lists = factorLists(gguf, rotated);
  if (lists) {
    if (type === 'linear' || type === 'yarn')
      throw fields.unsupported(gguf.key(TYPE), '"longrope", where there are factors');
    const trained = gguf.integer('context_length', 1, 2 ** 24);
    return object({
      rope_type: 'longrope',
      short_factor: lists.short,
      long_factor: lists.long,
      attention_factor: sharpness,
      original_max_position_embeddings: factors.all ? trained : gguf.integer(TRAINED, 2, 2 ** 24),
    });
  }
  if (sharpness !== 1) throw fields.unsupported(gguf.key(SHARPNESS), '1, without factors');
  switch (type) {
    case 'none':
      if (gguf.has(FACTOR) && factor() !== 1) throw fields.unsupported(gguf.key(FACTOR), '1, as no scaling is stated');
      return null;
    case 'linear':
      return factor() === 1 ? null : object({ rope_type: 'linear', factor: factor() });
    case 'yarn':
      return object({
        rope_type: 'yarn',
        factor: factor(),
        original_max_position_embeddings: gguf.integer(TRAINED, 2, 2 ** 24),
        beta_fast: gguf.number(FAST, 1e-3, 1e6, 32),
        beta_slow: gguf.number(SLOW, 1e-3, 1e6, 1),
      });
    case 'longrope':
      throw fields.unsupported(gguf.key(TYPE), 'another type, as the file has no factors');
    default:
      throw fields.unsupported(gguf.key(TYPE), '"none", "linear", "yarn" or "longrope"');
  }
}

/** @throws {ForetokenError} `config.range` when they are not one for each pair */
function factorLists(
  { factors: { all, short, long }, fields }: Metadata,
  rotated: number,
): { readonly short: number[]; readonly long: number[] } | undefined {
  const [first, second] = [all ?? short, all ?? long];
  if (!first && !second) return undefined;
  const lists = [first, second].map((list) => [...(list ?? [])]);
  if (lists.some((list) => list.length !== rotated / 2)) {
    throw fields.range('general.architecture', `with ${rotated / 2} factors of rotation, as many as pairs turn`);
  }
  return { short: lists[0]!, long: lists[1]! };
}

function object(entries: Readonly<Record<string, JsonValue>>): JsonObject {
  return new Map(Object.entries(entries));
}

function scalingPairs({ origin, scale }: Rope): Pair[] {
  const scaling = origin?.scaling;
  switch (scaling?.type) {
    case undefined:
      return [];
    case 'linear':
      return [[TYPE, 'linear'], f32(FACTOR, scaling.factor)];
    case 'yarn':
      return [
        [TYPE, 'yarn'],
        f32(FACTOR, scaling.factor),
        u32(TRAINED, scaling.trained),
        f32(FAST, scaling.fast),
        f32(SLOW, scaling.slow),
      ];
    case 'factors':
      if (!scaling.long) return [];
      return [[TYPE, 'longrope'], u32(TRAINED, scaling.trained!), f32(SHARPNESS, scale)];
    case 'named':
      throw unsayable(scaling.name);
  }
}

/** Tensors of factors that a model has, by their names. */
export function factorTensors(rope: Rope | undefined): [name: string, factors: Float32Array][] {
  const scaling = rope?.origin?.scaling;
  if (scaling?.type !== 'factors') return [];
  const short = Float32Array.from(scaling.short);
  if (!scaling.long) return [['rope_freqs.weight', short]];
  return [
    ['rope_factors_long.weight', Float32Array.from(scaling.long)],
    ['rope_factors_short.weight', short],
  ];
}
