/**
 * The checkpoints of test/fixtures/architectures, made anew from their recipes (make.py there says how), and loaded for a test.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { createEngine, type Machine } from '../../src/engine/engine.ts';
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

/** A checkpoint as files by name. @param change what is otherwise in its config.json */
export function checkpointFiles(name: string, change: object = {}): Record<string, Uint8Array> {
  const { config, tensors } = readFixture(name);
  const header: Record<string, unknown> = {};
  const arrays = tensors.map(([tensor, shape, centre, spread], t) => {
    const values = uniform(t, product(shape), centre, spread);
    return { tensor, shape, bytes: new Uint8Array(values.buffer) };
  });
  let end = 0;
  for (const { tensor, shape, bytes } of arrays) {
    header[tensor] = { dtype: 'F32', shape, data_offsets: [end, (end += bytes.length)] };
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const front = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(front.buffer).setBigUint64(0, BigInt(front.length - 8), true);
  front.set(text, 8);
  const file = new Uint8Array(front.length + end);
  file.set(front);
  let at = front.length;
  for (const { bytes } of arrays) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return {
    'config.json': new TextEncoder().encode(JSON.stringify({ ...config, ...change })),
    'model.safetensors': file,
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
  /** Puts itself between the model and its machine. */
  readonly wrapMachine?: (machine: Machine) => Machine;
}

const engine = await createEngine();

/** Loads a checkpoint; in f32 unless asked otherwise. */
export function architectureModel(
  name: string,
  { wrapMachine, ...options }: ArchitectureOptions = {},
): Promise<TransformerModel> {
  const wrapped = wrapMachine
    ? { ...engine, createMachine: (bytes: number) => wrapMachine(engine.createMachine(bytes)) }
    : engine;
  return loadTransformer(checkpointFiles(name), { engine: wrapped, dtype: 'f32', ...options });
}
