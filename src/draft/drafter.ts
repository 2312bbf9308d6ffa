/**
 * Drafter: what to guess. One file per drafter stands beside this interface.
 * @module
 */
import type { TargetRows } from '../model/target.ts';
import type { TextTokenizer } from '../text/text-tokenizer.ts';
import type { DraftSampling, DraftTree } from '../tree/draft-tree.ts';

/** What one verification pass decided, as drafters and schedulers see it. */
export interface StepRecord {
  /** The tree that was verified; a plain step has the root alone. */
  readonly tree: DraftTree;
  /** (m,) accepted nodes from the root (0) down; always at least the root. */
  readonly path: Int32Array;
  /** (m,) tokens that this step emitted: those of `path` below the root, then the target's own token. */
  readonly emitted: Int32Array;
  /** Prompt and output, this step's included. */
  readonly history: readonly number[];
  /** Rows of the pass: a drafter may read the target's logits at any node, accepted or not. */
  readonly rows: TargetRows;
}

/** Some positions of the prompt that the target has read before the first step. */
export interface PrefillRecord {
  /** (P,) the whole prompt. */
  readonly prompt: Int32Array;
  /** Position of the first row, and how many there are. */
  readonly start: number;
  readonly count: number;
  /** Of each position, in order: hidden states; no logits. */
  readonly rows: TargetRows;
}

/** A drafter's first guess at the next token, had without drafting. */
export interface Outlook {
  readonly token: number;
  /** 0..1: the drafter's own estimate that this token comes next. */
  readonly score: number;
}

/** What a drafter may know of the model that it drafts for. */
export interface DraftedModel {
  /** V: ids are 0..vocab - 1. */
  readonly vocab: number;
  readonly tokenizer: TextTokenizer | undefined;
}

/**
 * Guesses the next tokens. A drafter keeps its state between calls; the loop calls `begin` once per generation, then
 * `propose` and `observe` in turn, `observe` also after plain steps.
 */
export interface Drafter<S extends DraftSampling = 'deterministic'> {
  /** Stable name: `lookup`, `recycle` ... also the name on the command line. */
  readonly name: string;
  /** Names of the proposers behind `DraftTree.sources`; default `[name]`. */
  readonly sources?: readonly string[];
  /** How it chooses the children of a node; default `deterministic`. What it draws it tells in `DraftTree.draws`. */
  readonly sampling?: S;
  /** What is worth telling of how it drafts, for `stats.schedule`. */
  readonly note?: string | undefined;
  /**
   * Told before each generation, before anything is computed, whom the drafts are for.
   * @throws {ForetokenError} `option.draft` when it cannot draft for that model
   */
  meet?(model: DraftedModel): void;
  /**
   * Learns from the target's own reading of the prompt, block by block, just before `begin`. What its cache holds from before is not read again, and the
   * last token only in the first step; a drafter that a scheduler begins anew is not told.
   */
  prefill?(block: PrefillRecord): void;
  /**
   * A new text: (P,) its tokens so far; the last one will be the root of the first tree. A scheduler may begin it anew at any time.
   * @param seed key of the generation's random numbers: who samples takes a stream of its own (src/decode/random.ts)
   */
  begin(prompt: Int32Array, seed: number): void;
  /**
   * A tree of at most `budget` nodes, the root included, whose root is the last committed token. The root alone means: no guess.
   * May be a promise; the loop waits for it, but not beyond an abort.
   */
  propose(budget: number): DraftTree | Promise<DraftTree>;
  /**
   * About what `propose` would put first, for next to nothing; undefined when it would have no guess. Where all drafters have this method a
   * scheduler asks it before every step, and asks for a tree only where that promises to pay; else it asks for trees now and then.
   */
  outlook?(): Outlook | undefined;
  /** Learns from a finished step. */
  observe(step: StepRecord): void;
}

/** A drafter of any kind. */
export type AnyDrafter = Drafter<DraftSampling>;
