/**
 * Statistics of a generation. Names with underscores are vLLM's, byte for byte, with its meaning; all others are camelCase.
 * @module
 */
import { childWith, type DraftTree } from '../tree/draft-tree.ts';

/** What one proposer's nodes came to. */
export interface SourceCounts {
  readonly drafted: number;
  readonly accepted: number;
  /** Accepted nodes at depth i + 1. */
  readonly acceptedPerDepth: readonly number[];
}

export interface GenerationStats {
  /** Passes that verified at least one drafted node. */
  readonly num_drafts: number;
  /** Drafted nodes that were verified. */
  readonly num_draft_tokens: number;
  /** Drafted nodes that were accepted, without the token that the target adds at the end of each pass. */
  readonly num_accepted_tokens: number;
  /** num_accepted_tokens_per_pos[i]: accepted nodes at depth i + 1. */
  readonly num_accepted_tokens_per_pos: readonly number[];
  /** acceptance_histogram[j]: drafts of which exactly j nodes were accepted. */
  readonly acceptance_histogram: readonly number[];
  /** 1 + num_accepted_tokens / num_drafts: tokens per drafted pass, the target's own one counted. 1 without drafts. */
  readonly mean_acceptance_length: number;
  /** num_accepted_tokens / num_draft_tokens; 0 without drafts. */
  readonly draft_acceptance_rate: number;

  readonly promptTokens: number;
  /** Prompt positions that the cache held already. */
  readonly cachedTokens: number;
  readonly newTokens: number;
  /** Passes after the prefill, plain ones included, and the nodes in them, roots included. */
  readonly passes: number;
  readonly nodes: number;
  /** newTokens / passes. */
  readonly blockEfficiency: number;
  /** acceptanceRate[i]: passes that accepted a node at depth i + 1 / passes that offered one below an accepted parent. */
  readonly acceptanceRate: readonly number[];
  /** What each proposer's nodes came to, by name. */
  readonly sources: Readonly<Record<string, SourceCounts>>;

  /** Milliseconds: prompt; drafting and learning; passes after the prompt; everything, without the time that the consumer took. */
  readonly prefillMs: number;
  readonly draftMs: number;
  readonly passMs: number;
  readonly totalMs: number;
  /** newTokens over the time after the prefill. */
  readonly tokensPerSecond: number;
  /** Seed of the random numbers; absent where none were drawn. */
  readonly seed?: number;
  /** What the scheduler decided, in a sentence. */
  readonly schedule: string;
}

/** A finished pass. */
export interface PassRecord {
  readonly tree: DraftTree;
  /** (m,) accepted nodes from the root down. */
  readonly path: Int32Array;
  /** (m,) tokens. */
  readonly emitted: Int32Array;
}

/** Adds up passes. Times are added by the loop. */
export class StatsRecorder {
  promptTokens = 0;
  cachedTokens = 0;
  prefillMs = 0;
  draftMs = 0;
  passMs = 0;
  totalMs = 0;
  readonly #sources: readonly string[];
  readonly #perSource: { drafted: number; acceptedPerDepth: number[] }[];
  readonly #histogram: number[] = [];
  readonly #offered: number[] = [];
  readonly #accepted: number[] = [];
  #newTokens = 0;
  #passes = 0;
  #nodes = 0;

  /** @param sources names behind `DraftTree.sources`; none for plain decoding */
  constructor(sources: readonly string[]) {
    this.#sources = sources;
    this.#perSource = sources.map(() => ({ drafted: 0, acceptedPerDepth: [] }));
  }

  pass({ tree, path, emitted }: PassRecord): void {
    const nodes = tree.tokens.length;
    this.#passes++;
    this.#nodes += nodes;
    this.#newTokens += emitted.length;
    if (nodes === 1) return;

    increment(this.#histogram, path.length - 1);
    for (let node = 1; node < nodes; node++) this.#perSource[tree.sources?.[node] ?? 0]!.drafted++;
    for (let i = 1; i < path.length; i++) {
      increment(this.#accepted, i - 1);
      increment(this.#perSource[tree.sources?.[path[i]!] ?? 0]!.acceptedPerDepth, i - 1);
    }
    this.#countOffers(tree, path, emitted);
  }

  /** Depths at which the tree had a node below the accepted path, unless the pass was cut before it was decided. */
  #countOffers(tree: DraftTree, path: Int32Array, emitted: Int32Array): void {
    for (let i = 1; i < path.length; i++) increment(this.#offered, i - 1);
    const last = path[path.length - 1]!;
    const offered = tree.parents.includes(last);
    const cut = childWith(tree, last, emitted[emitted.length - 1]!) >= 0;
    if (offered && !cut) increment(this.#offered, path.length - 1);
  }

  /** @param seed of the random numbers, if any were drawn */
  result(schedule: string, seed: number | undefined): GenerationStats {
    const drafts = sum(this.#histogram);
    const drafted = this.#nodes - this.#passes;
    const accepted = sum(this.#accepted);
    const decodeMs = this.totalMs - this.prefillMs;
    return {
      num_drafts: drafts,
      num_draft_tokens: drafted,
      num_accepted_tokens: accepted,
      num_accepted_tokens_per_pos: filled(this.#accepted),
      acceptance_histogram: filled(this.#histogram),
      mean_acceptance_length: 1 + ratio(accepted, drafts),
      draft_acceptance_rate: ratio(accepted, drafted),
      promptTokens: this.promptTokens,
      cachedTokens: this.cachedTokens,
      newTokens: this.#newTokens,
      passes: this.#passes,
      nodes: this.#nodes,
      blockEfficiency: ratio(this.#newTokens, this.#passes),
      acceptanceRate: filled(this.#offered).map((offered, i) => ratio(this.#accepted[i] ?? 0, offered)),
      sources: this.#sourceCounts(),
      prefillMs: this.prefillMs,
      draftMs: this.draftMs,
      passMs: this.passMs,
      totalMs: this.totalMs,
      tokensPerSecond: ratio(1000 * this.#newTokens, decodeMs),
      ...(seed !== undefined && { seed }),
      schedule,
    };
  }

  #sourceCounts(): Record<string, SourceCounts> {
    return Object.fromEntries(
      this.#perSource.map(({ drafted, acceptedPerDepth }, i) => [
        this.#sources[i]!,
        { drafted, accepted: sum(acceptedPerDepth), acceptedPerDepth: filled(acceptedPerDepth) },
      ]),
    );
  }
}

function increment(counts: number[], index: number): void {
  counts[index] = (counts[index] ?? 0) + 1;
}

function filled(counts: readonly number[]): number[] {
  return Array.from(counts, (count) => count ?? 0);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** a / b, and 0 where b is 0. */
function ratio(a: number, b: number): number {
  return b > 0 ? a / b : 0;
}
