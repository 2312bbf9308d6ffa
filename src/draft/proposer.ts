/**
 * What the decoding loop sees of drafters: one, or several whose trees are merged. Nothing that a drafter does can hurt the generation: what
 * it throws becomes a `ForetokenError`, what it proposes is checked, and waiting for it ends with an abort.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { checkTree, type DraftTree, type TreeLimits } from '../tree/draft-tree.ts';
import { keepBest } from '../tree/prune.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import type { Drafter, StepRecord } from './drafter.ts';

export interface Proposer {
  /** Names behind `DraftTree.sources`. */
  readonly sources: readonly string[];
  /** @throws {ForetokenError} `drafter.failed`, with what the drafter threw as its cause */
  begin(prompt: Int32Array): void;
  /**
   * @throws {ForetokenError} `drafter.failed` when a drafter throws or rejects, `drafter.tree` when its tree does not fit; each with its cause
   * @throws the signal's reason when it aborts first; what a late drafter brings is dropped
   */
  propose(limits: ProposalLimits): DraftTree | Promise<DraftTree>;
  /** @throws {ForetokenError} `drafter.failed`, with what the drafter threw as its cause */
  observe(step: StepRecord): void;
}

/** What a proposal must fit: at most `nodes` nodes, tokens below `vocab`, and `root` at the root. */
export type ProposalLimits = Omit<TreeLimits, 'sources'>;

/** @param drafters at least one; of several, the trees are merged */
export function createProposer(drafters: readonly Drafter[], signal?: AbortSignal): Proposer {
  const checked = drafters.map((drafter) => new CheckedDrafter(drafter, signal));
  return checked.length === 1 ? checked[0]! : new Combination(checked);
}

class CheckedDrafter implements Proposer {
  readonly sources: readonly string[];
  readonly #drafter: Drafter;
  readonly #signal: AbortSignal | undefined;

  constructor(drafter: Drafter, signal: AbortSignal | undefined) {
    this.sources = drafter.sources ?? [drafter.name];
    this.#drafter = drafter;
    this.#signal = signal;
  }

  begin(prompt: Int32Array): void {
    this.#call('begin', () => this.#drafter.begin(prompt));
  }

  observe(step: StepRecord): void {
    this.#call('observe', () => this.#drafter.observe(step));
  }

  propose(limits: ProposalLimits): DraftTree | Promise<DraftTree> {
    const proposal = this.#call('propose', () => this.#drafter.propose(limits.nodes));
    if (!isPromise(proposal)) return this.#check(proposal, limits);
    const checked = this.#wait(proposal).then((tree) => this.#check(tree, limits));
    // Another member of a combination may fail first; then nobody is left to hear of this one.
    checked.catch(() => {});
    return checked;
  }

  #check(tree: DraftTree, limits: ProposalLimits): DraftTree {
    try {
      checkTree(tree, { ...limits, sources: this.sources.length });
    } catch (cause) {
      const message = `drafter ${quote(this.#drafter.name)} proposed a tree that does not fit: ${(cause as Error).message}`;
      throw new ForetokenError('drafter.tree', message, { cause });
    }
    return tree;
  }

  #call<T>(what: string, call: () => T): T {
    try {
      return call();
    } catch (cause) {
      throw this.#failure(what, cause);
    }
  }

  #wait(proposal: PromiseLike<DraftTree>): Promise<DraftTree> {
    const signal = this.#signal;
    return new Promise((resolve, reject) => {
      const abort = () => reject(signal!.reason);
      if (signal?.aborted) abort();
      signal?.addEventListener('abort', abort, { once: true });
      const settled = () => signal?.removeEventListener('abort', abort);
      Promise.resolve(proposal)
        .then(resolve, (cause) => reject(this.#failure('propose', cause)))
        .then(settled);
    });
  }

  #failure(what: string, cause: unknown): ForetokenError {
    return new ForetokenError('drafter.failed', `drafter ${quote(this.#drafter.name)} failed in ${what}`, { cause });
  }
}

/**
 * Several drafters as one. Their trees are merged by their common beginnings and cut to the budget by joint score. Where they disagree the
 * one named first has the first say about scores; a node that more than one has proposed takes the source `several`, as agreement is worth knowing.
 */
class Combination implements Proposer {
  readonly sources: readonly string[];
  readonly #members: readonly Proposer[];
  readonly #tree: TreeBuilder;

  constructor(members: readonly Proposer[]) {
    this.sources = [...members.flatMap(({ sources }) => sources), 'several'];
    this.#members = members;
    this.#tree = new TreeBuilder(this.sources.length - 1);
  }

  begin(prompt: Int32Array): void {
    for (const member of this.#members) member.begin(prompt);
  }

  observe(step: StepRecord): void {
    for (const member of this.#members) member.observe(step);
  }

  propose(limits: ProposalLimits): DraftTree | Promise<DraftTree> {
    const proposals = this.#members.map((member) => member.propose(limits));
    if (!proposals.some(isPromise)) return this.#merge(proposals as DraftTree[], limits);
    return Promise.all(proposals).then((trees) => this.#merge(trees, limits));
  }

  #merge(trees: readonly DraftTree[], { root, nodes }: ProposalLimits): DraftTree {
    const all = trees.reduce((sum, tree) => sum + tree.tokens.length, 0);
    const merged = this.#tree;
    merged.start(root, all);
    let firstSource = 0;
    trees.forEach((tree, i) => {
      merged.addTree(tree, firstSource);
      firstSource += this.#members[i]!.sources.length;
    });
    return keepBest(merged.build(), nodes);
  }
}

function isPromise(value: DraftTree | Promise<DraftTree>): value is Promise<DraftTree> {
  return typeof (value as Partial<Promise<DraftTree>> | null)?.then === 'function';
}
