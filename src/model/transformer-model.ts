/**
 * A loaded transformer: configuration, memory, and the sessions on it.
 * @module
 */
import type { Machine } from '../engine/engine.ts';
import { ForetokenError } from '../errors.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import type { CachePlan, MemoryPlan } from './memory-plan.ts';
import { Session } from './session.ts';
import { Transformer } from './transformer.ts';

export class TransformerModel {
  readonly machine: Machine;
  readonly config: ModelConfig;
  readonly plan: MemoryPlan;
  readonly transformer: Transformer;
  readonly #freeCaches: CachePlan[];
  readonly #open = new Set<Session>();
  #passes = 0;

  /** @param machine a machine of `plan.bytes` whose weights are in place */
  constructor(machine: Machine, config: ModelConfig, plan: MemoryPlan) {
    this.machine = machine;
    this.config = config;
    this.plan = plan;
    this.transformer = new Transformer(machine, config, plan);
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
    const floats = new Float32Array(this.machine.memory.buffer);
    const length = config.kvHeads * plan.capacity * config.headDim;
    for (const region of ['keys', 'values'] as const) {
      from[region].forEach((address, layer) => {
        floats.copyWithin(to[region][layer]! / 4, address / 4, address / 4 + length);
      });
    }
  }

  /** Takes a session's cache back. */
  release(session: Session): void {
    if (this.#open.delete(session)) this.#freeCaches.push(session.cache);
  }

  /** Disposes every session, and ends the threads: once the caller lets go of the model, too, its memory is garbage. */
  dispose(): void {
    for (const session of this.#open) session.dispose();
    this.machine.dispose();
  }
}
