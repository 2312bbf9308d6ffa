/**
 * Rotation as configurations describe it: base, part of each head that turns, and scaling of positions to contexts longer than trained.
 * Source: the settings of transformers 4 (`rope_theta`, `rope_scaling`) and 5 (`rope_parameters`); formulas as cited below.
 * @module
 */
import { log } from '../../engine/math.ts';
import type { Fields } from '../../formats/fields.ts';
import { type Rope, type RopeOrigin, ropeFrequencies } from '../form.ts';

/** What a rotation depends on besides its own settings. */
export interface RotatedModel {
  readonly headDim: number;
  /** Positions that the model was made for, the scaling counted. */
  readonly context: number;
}

/** Where config.json does not say. */
export interface RotationDefaults {
  readonly theta?: number;
  /** Part of each head that turns. */
  readonly part?: number;
}

/** A rotation's settings. */
export interface Rotation {
  readonly theta: number;
  readonly part: number;
  readonly scaling: Fields | undefined;
}

/** The rotation of a model that has one for all of its layers. @throws {ForetokenError} `config.*` */
export function readRotation(config: Fields, { theta = 10_000, part = 1 }: RotationDefaults = {}): Rotation {
  const older = config.child('rope_scaling');
  const parameters = config.child('rope_parameters') ?? older;
  const either = (name: string, low: number, high: number, fallback: number) => {
    const outside = config.number(name, low, high, fallback);
    return parameters?.number(name, low, high, outside) ?? outside;
  };
  const rotation = {
    theta: either('rope_theta', 1, 1e12, theta),
    part: either('partial_rotary_factor', 0, 1, part),
    scaling: parameters,
  };
  if (older && typeOf(older) !== typeOf(parameters!)) {
    throw config.range('rope_scaling', `the type of rope_parameters, "${typeOf(parameters!)}"`);
  }
  return rotation;
}

function typeOf(scaling: Fields): string {
  return scaling.has('rope_type') ? scaling.string('rope_type') : scaling.string('type', 'default');
}

/** Elements of a head that turn: whole pairs. @throws {ForetokenError} `config.range` for none, or an odd number */
export function rotatedElements(config: Fields, { part }: Rotation, headDim: number): number {
  const rotated = Math.floor(headDim * part);
  if (rotated < 2 || rotated % 2 !== 0) {
    throw config.range('partial_rotary_factor', `a part of a head's ${headDim} elements that is even, and not 0`);
  }
  return rotated;
}

/**
 * @param config for what is said outside the rotation's own settings
 * @throws {ForetokenError} `config.missing`, `config.type`, `config.range`; `config.unsupported` for another type of scaling
 */
export function ropeOf(config: Fields, rotation: Rotation, model: RotatedModel): Rope {
  const { theta, scaling } = rotation;
  const rotated = rotatedElements(config, rotation, model.headDim);
  const frequencies = ropeFrequencies(theta, rotated);
  const unscaled = { frequencies, scale: 1, origin: { theta } };
  if (!scaling) return unscaled;
  const factor = () => scaling.number('factor', 1, 1e6);
  const settings = { config, scaling, frequencies, theta, rotated, context: model.context };
  const type = typeOf(scaling);
  switch (type) {
    case 'default':
    case 'dynamic': // Only positions beyond max_position_embeddings are scaled, and no session has such.
      return unscaled;
    case 'linear':
      return {
        frequencies: frequencies.map((frequency) => frequency / factor()),
        scale: 1,
        origin: { theta, scaling: { type, factor: factor() } },
      };
    case 'llama3':
      return llama3(settings, factor());
    case 'yarn':
      return yarn(settings, factor());
    case 'longrope':
    case 'su':
      return longRope(settings);
    default: {
      const known = '"default", "linear", "dynamic", "llama3", "yarn" or "longrope"';
      throw scaling.unsupported(scaling.has('rope_type') ? 'rope_type' : 'type', known);
    }
  }
}

interface Settings {
  readonly config: Fields;
  readonly scaling: Fields;
  readonly frequencies: readonly number[];
  readonly theta: number;
  readonly rotated: number;
  readonly context: number;
}

/** Positions that the model was trained for before it was scaled. */
function trainedContext({ config, scaling, context }: Settings): number {
  const name = 'original_max_position_embeddings';
  const outside = config.has(name) ? config.integer(name, 2, 2 ** 24) : context;
  return scaling.integer(name, 2, 2 ** 24, outside);
}

/**
 * Pairs that turn slowly are slowed down by `factor`, quick ones stay, and those in between are mixed.
 * Source: Llama 3.1's reference code; as transformers has it.
 */
function llama3(settings: Settings, factor: number): Rope {
  const { scaling, frequencies, theta } = settings;
  const trained = trainedContext(settings);
  const low = scaling.number('low_freq_factor', 1e-3, 1e6);
  const high = scaling.number('high_freq_factor', 1e-3, 1e6);
  if (high <= low) throw scaling.range('high_freq_factor', `more than low_freq_factor, ${low}`);
  const factors = frequencies.map((frequency) => {
    const turns = (trained * frequency) / (2 * Math.PI); // over the whole trained context
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return Math.fround(1 / ((1 - kept) / factor + kept));
  });
  const origin: RopeOrigin = { theta, scaling: { type: 'factors', short: factors } };
  return { frequencies: slowed(frequencies, factors), scale: 1, origin };
}

/** Bits: factors are numbers of 32 bits, as the references and GGUF files hold them; so a model has the same frequencies from either format. */
function slowed(frequencies: readonly number[], factors: readonly number[]): number[] {
  return frequencies.map((frequency, pair) => frequency / Math.fround(factors[pair]!));
}

/**
 * YaRN: as llama3 does, but the mixture goes by the pair's number; and attention is sharpened.
 * Source: Peng et al., 2023, arXiv 2309.00071, section 3; bounds and `mscale` as transformers has them.
 */
function yarn(settings: Settings, factor: number): Rope {
  const { scaling, frequencies, theta, rotated } = settings;
  const trained = trainedContext(settings);
  /** The pair, as a fraction, that turns so often over the trained context. */
  const pairOf = (turns: number) => (rotated * log(trained / (turns * 2 * Math.PI))) / (2 * log(theta));
  const [fast, slow] = [scaling.number('beta_fast', 1e-3, 1e6, 32), scaling.number('beta_slow', 1e-3, 1e6, 1)];
  const whole = scaling.boolean('truncate', true);
  const [low, high] = [pairOf(fast), pairOf(slow)];
  const first = Math.max(whole ? Math.floor(low) : low, 0);
  const last = Math.min(whole ? Math.ceil(high) : high, rotated - 1);
  const span = last === first ? 0.001 : last - first;
  const scaled = frequencies.map((frequency, pair) => {
    const slowed = Math.min(1, Math.max(0, (pair - first) / span));
    return (frequency / factor) * slowed + frequency * (1 - slowed);
  });
  const scale = scaling.number('attention_factor', 0, 1e3, yarnScale(scaling, factor));
  const usual = whole && scale === sharper(factor, 1);
  const named = { type: 'named', name: 'yarn with bounds or a sharpness of its own' } as const;
  return {
    frequencies: scaled,
    scale,
    origin: { theta, scaling: usual ? { type: 'yarn', factor, trained, fast, slow } : named },
  };
}

/** What makes up for attention that is spread over a longer context. */
function sharper(factor: number, weight: number): number {
  return factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1;
}

function yarnScale(scaling: Fields, factor: number): number {
  const [part, all] = ['mscale', 'mscale_all_dim'].map((name) => scaling.number(name, 0, 1e3, 0)) as [number, number];
  return part > 0 && all > 0 ? sharper(factor, part) / sharper(factor, all) : sharper(factor, 1);
}

/**
 * LongRoPE: each pair has a factor of its own, one for contexts as trained and one for longer ones. Which of them is settled by the context
 * that the model is loaded with, not by the text so far: a position's bits do not depend on what comes after it.
 * Source: Ding et al., 2024, arXiv 2402.13753; the settings of Phi-3.
 */
function longRope(settings: Settings): Rope {
  const { scaling, frequencies, theta, context } = settings;
  const trained = trainedContext(settings);
  const factorsOf = (name: string) => {
    const factors = scaling.list(name);
    const expected = `${frequencies.length} numbers from 0.001 to 1000000`;
    if (factors.length !== frequencies.length) throw scaling.range(name, expected);
    return factors.map((factor) => {
      if (!(typeof factor === 'number' && factor >= 1e-3 && factor <= 1e6)) throw scaling.range(name, expected);
      return factor;
    });
  };
  const [short, long] = [factorsOf('short_factor'), factorsOf('long_factor')];
  const factor = scaling.number('factor', 1e-3, 1e6, context / trained);
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + log(factor) / log(trained));
  const scale = scaling.number('attention_factor', 0, 1e3, usual);
  const type = 'factors';
  const alike = scale === 1 && short.every((each, pair) => each === long[pair]);
  return {
    frequencies: slowed(frequencies, short),
    scale,
    longer: { above: trained, frequencies: slowed(frequencies, long) },
    origin: { theta, scaling: alike ? { type, short } : { type, short, long, trained } },
  };
}
