/**
 * The checkpoints of test/fixtures/architectures, made anew from their recipes (make.py there says how), and loaded for a test.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createEngine, type Machine } from '../../src/engine/engine.ts';
import { type NamedTensor, writeSafetensors } from '../../src/formats/safetensors-writer.ts';
import { type LoadOptions, loadTransformer } from '../../src/model/load-transformer.ts';
import type { TransformerModel } from '../../src/model/transformer-model.ts';
import { repositoryFile } from '../repository.ts';
import { type Expected, readExpected } from './reference.ts';

const folder = 'test/fixtures/architectures';

/** Names of all checkpoints: the model_type, a hyphen, and what is awkward about it. */
export const CHECKPOINTS: readonly string[] = readdirSync(repositoryFile(folder))
  .filter((file) => file.endsWith('.json'))
  .map((file) => file.slice(0, -'.json'.length))
  .sort();

export const modelTypeOf = (name: string): string => name.slice(0, name.indexOf('-'));

export const checkpointsOf = (modelType: string): readonly string[] =>
  CHECKPOINTS.filter((name) => modelTypeOf(name) === modelType);

/** Name, shape, centre and spread of a tensor. */
type Recipe = readonly [name: string, shape: readonly number[], centre: number, spread: number];

interface Fixture {
  readonly config: Readonly<Record<string, unknown>>;
  readonly tensors: readonly Recipe[];
}

export function readFixture(name: string): Fixture {
  return JSON.parse(readFileSync(repositoryFile(`${folder}/${name}.json`), 'utf8'));
}

export const expectedOf = (name: string): Expected => readExpected(repositoryFile(`${folder}/${name}.safetensors`));

/** A tensor of a checkpoint, in f32. */
export type Weight = readonly [name: string, shape: readonly number[], values: Float32Array];

export interface CheckpointChange {
  /** What is otherwise in config.json. */
  readonly config?: object;
  /** How a tensor is stored instead. */
  readonly store?: (weight: Weight) => readonly NamedTensor[];
}

const asFloats = ([name, shape, data]: Weight): NamedTensor[] => [[name, { dtype: 'F32', shape, data }]];

/** A checkpoint as files by name. */
export function checkpointFiles(name: string, change: CheckpointChange = {}): Record<string, Uint8Array> {
  const { config, tensors } = readFixture(name);
  const { store = asFloats } = change;
  const stored = tensors.flatMap(([tensor, shape, centre, spread], t) =>
    store([tensor, shape, uniform(t, product(shape), centre, spread)]),
  );
  return {
    'config.json': new TextEncoder().encode(JSON.stringify({ ...config, ...change.config })),
    'model.safetensors': writeSafetensors(stored),
  };
}

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Element i of tensor t is centre + spread * u, u in -1..1 by the finaliser of MurmurHash3 over a counter; as make.py has it, to the bit. */
function uniform(t: number, count: number, centre: number, spread: number): Float32Array {
  const start = Math.imul(t + 1, 0x85ebca6b);
  return Float32Array.from({ length: count }, (_, i) => {
    let h = (Math.imul(i, 0x9e3779b9) + start) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    return centre + spread * ((h >>> 8) / 2 ** 23 - 1);
  });
}

export interface ArchitectureOptions extends LoadOptions {
  readonly change?: CheckpointChange;
  /** Puts itself between the model and its machine. */
  readonly wrapMachine?: (machine: Machine) => Machine;
}

const engine = await createEngine();

/** Loads a checkpoint; in f32 unless asked otherwise. */
export function architectureModel(
  name: string,
  { wrapMachine, change, ...options }: ArchitectureOptions = {},
): Promise<TransformerModel> {
  const wrapped = wrapMachine
    ? { ...engine, createMachine: (bytes: number) => wrapMachine(engine.createMachine(bytes)) }
    : engine;
  return loadTransformer(checkpointFiles(name, change), { engine: wrapped, dtype: 'f32', ...options });
}
