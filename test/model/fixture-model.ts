/**
 * The committed small models, loaded for a test, and what proofs do to their memory.
 * @module
 */
import { fileURLToPath } from 'node:url';
import { createEngine, type Machine } from '../../src/engine/engine.ts';
import { kvRowBytes } from '../../src/engine/kv-type.ts';
import { type LoadOptions, loadTransformer } from '../../src/model/load-transformer.ts';
import type { Session } from '../../src/model/session.ts';
import type { TransformerModel } from '../../src/model/transformer-model.ts';

export { prefill } from './plain-decoding.ts';

export interface FixtureOptions extends LoadOptions {
  /** Puts itself between the model and the machine of each stage: where faults are planted. */
  readonly wrapMachine?: (machine: Machine, stage: number) => Machine;
}

/** Path of a folder of test/fixtures/models, from the source tree and from build/ alike. */
export function fixturePath(name: string): string {
  const fixtures = import.meta.url.includes('/build/') ? '../../../test/fixtures/models/' : '../fixtures/models/';
  return fileURLToPath(new URL(`${fixtures}${name}`, import.meta.url));
}

export async function fixtureModel(
  name: string,
  { wrapMachine, ...options }: FixtureOptions = {},
): Promise<TransformerModel> {
  const engine = await createEngine();
  let stage = 0;
  const wrapped = wrapMachine
    ? { ...engine, createMachine: (bytes: number) => wrapMachine(engine.createMachine(bytes), stage++) }
    : engine;
  return loadTransformer(fixturePath(name), { engine: wrapped, ...options });
}

/** Bytes to fill a cache with. Poison is NaN as f32 and as the scale of q8, and as f16, which kernels expand to no NaN, the largest there is. */
export const POISON = 0xff;
export const ORDINARY = 0x3f;

/** Fills every slot that the session has not committed with a byte. */
export function fillUnusedSlots(model: TransformerModel, session: Session, byte: number): void {
  const snapshot = session.save();
  const { config, plan } = model;
  const bytes = kvRowBytes(plan.options.kv, config.kvHeads * plan.capacity, config.headDim);
  for (const addresses of [session.cache.keys, session.cache.values]) {
    addresses.forEach((address, layer) => {
      new Uint8Array(model.layerBuffer(layer), address, bytes).fill(byte);
    });
  }
  session.load(snapshot);
}
