/**
 * A loaded transformer: configuration, memory, and the sessions on it.
 * @module
 */
import type { Machine } from '../engine/engine.ts';
import { kvRowBytes } from '../engine/kv-type.ts';
import { ForetokenError } from '../errors.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import type { CachePlan, MemoryPlan } from './memory-plan.ts';
import { Session } from './session.ts';
import { Transformer } from './transformer.ts';

export class TransformerModel {
  /** One for each stage of the plan. */
  readonly machines: readonly Machine[];
  readonly config: ModelConfig;
  readonly plan: MemoryPlan;
  readonly transformer: Transformer;
  readonly #freeCaches: CachePlan[];
  readonly #open = new Set<Session>();
  #passes = 0;

  /** @param machines of the bytes of each stage, with the weights in place */
  constructor(machines: readonly Machine[], config: ModelConfig, plan: MemoryPlan) {
    this.machines = machines;
    this.config = config;
    this.plan = plan;
    this.transformer = new Transformer(machines, config, plan);
    this.#freeCaches = [...plan.sessions].reverse();
  }

  /** Passes run so far, over all sessions: rows of a pass are valid while this number stands. */
  get passes(): number {
    return this.#passes;
  }

  /** Announces a pass. @returns its number */
  beginPass(): number {
    return ++this.#passes;
  }

  /**
   * An empty session on a free cache.
   * @throws {ForetokenError} `session.full` when all caches of the plan are taken
   */
  session(): Session {
    const cache = this.#freeCaches.pop();
    if (!cache) {
      throw new ForetokenError(
        'session.full',
        `all ${this.plan.sessions.length} sessions are in use: dispose one, or load with more \`sessions\``,
      );
    }
    const session = new Session(this, cache);
    this.#open.add(session);
    return session;
  }

  /** Copies every slot of one cache to another. */
  copyCache(from: CachePlan, to: CachePlan): void {
    const { config, plan } = this;
    const bytes = kvRowBytes(plan.options.kv, config.kvHeads * plan.capacity, config.headDim);
    for (const region of ['keys', 'values'] as const) {
      from[region].forEach((address, layer) => {
        new Uint8Array(this.layerBuffer(layer)).copyWithin(to[region][layer]!, address, address + bytes);
      });
    }
  }

  /** The memory that holds a layer. */
  layerBuffer(layer: number): ArrayBufferLike {
    return this.machines[this.plan.weights.layers[layer]!.stage]!.memory.buffer;
  }

  /** Takes a session's cache back. */
  release(session: Session): void {
    if (this.#open.delete(session)) this.#freeCaches.push(session.cache);
  }

  /** Disposes every session, and ends the threads: once the caller lets go of the model, too, its memories are garbage. */
  dispose(): void {
    for (const session of this.#open) session.dispose();
    for (const machine of this.machines) machine.dispose();
  }
}
