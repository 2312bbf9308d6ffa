/**
 * The prefix layer of Hydra++: a decoder layer over the target's hidden states of the whole text, with a cache of its own. It is a transformer of one
 * layer that reads states in the place of embeddings.
 *
 * What of a text the target had in its cache already, this layer may have missed: it then begins where it was told again. Attention knows distances only, so
 * nothing but the missing positions is lost.
 *
 * Source: Ankner et al., 2024, arXiv 2402.05109, section 4.
 * @module
 */
import type { ModelConfig } from '../formats/hf-config.ts';
import type { CheckpointLayout } from '../model/architectures/layout.ts';
import {
  type MatrixPlan,
  type MemoryPlan,
  planMemory,
  type VectorPlan,
  type WeightType,
  weightPlans,
} from '../model/memory-plan.ts';
import type { Session } from '../model/session.ts';
import { chain } from '../tree/draft-tree.ts';
import type { HeadConfig, HeadLayout } from './format.ts';

/** Sizes of the target's passes. */
export interface PrefixSizes {
  readonly context: number;
  readonly maxNodes: number;
  readonly threads: number;
}

/** A transformer of one layer, whose embedding is never read. */
export function prefixModel({ hidden, prefix, quantization }: HeadConfig): ModelConfig {
  return {
    architecture: 'hydra-prefix',
    vocab: 1,
    hidden,
    layers: 1,
    ...prefix!,
    context: 0,
    tied: true,
    bosToken: undefined,
    eosTokens: [],
    quantization,
  };
}

/** @throws {ForetokenError} `config.unsupported` when a width does not fit the kernels, `memory.limit` */
export function planPrefix(
  config: HeadConfig,
  { layer, norm }: NonNullable<HeadLayout['prefix']>,
  dtype: WeightType,
  sizes: PrefixSizes,
): MemoryPlan {
  const layout: CheckpointLayout = {
    embedding: { name: 'unused', shape: [1, config.hidden] },
    layers: [layer],
    finalNorm: norm,
    head: undefined,
  };
  const options = { dtype, kv: 'f32', sessions: 1, largestMemory: 2 ** 32, ...sizes } as const;
  return planMemory(prefixModel(config), layout, options);
}

/** What has to be loaded: all but the embedding. */
export function prefixWeights({ weights }: MemoryPlan): (MatrixPlan | VectorPlan)[] {
  return weightPlans(weights).filter((plan) => plan !== weights.embedding);
}

export class PrefixLayer {
  readonly #session: Session;
  /** Tokens whose states the cache holds, from position `#start` of the text on. */
  #tokens: number[] = [];
  #start = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Reads hidden states of the target.
   * @param states (count, D) of positions `start`... of the text, which may be more than a pass holds
   * @returns (D,) the layer's own state of the last position; a view until the next call
   */
  read(states: Float32Array, text: ArrayLike<number>, start: number, count: number): Float32Array {
    const session = this.#session;
    this.#goBackTo(start, text);
    const width = states.length / count;
    let own: Float32Array = states;
    for (let done = 0; done < count; done += session.maxNodes) {
      const block = chain(new Int32Array(Math.min(session.maxNodes, count - done)));
      const rows = block.tokens.length;
      own = session.forward(block, 'none', states.subarray(done * width, (done + rows) * width)).normed!();
      session.commit(Int32Array.from(block.tokens.keys()));
    }
    for (let i = 0; i < count; i++) this.#tokens.push(text[start + i]!);
    return own.subarray(-width);
  }

  /** Keeps what the cache holds of the text before a position; where that does not reach it, nothing. */
  #goBackTo(position: number, text: ArrayLike<number>): void {
    const kept = position - this.#start;
    let isSame = kept >= 0 && kept <= this.#tokens.length;
    for (let i = 0; i < kept && isSame; i++) isSame = this.#tokens[i] === text[this.#start + i];
    if (!isSame) this.#start = position;
    this.#tokens.length = isSame ? kept : 0;
    this.#session.truncate(this.#tokens.length);
  }
}
