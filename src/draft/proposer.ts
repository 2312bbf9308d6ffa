/**
 * What the decoding loop sees of drafters: one, or several whose trees are merged. Nothing that a drafter does can hurt the generation: what
 * it throws becomes a `ForetokenError`, what a drafter of a user's proposes is checked, and waiting for it ends with an abort.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import type { TreeLimits } from '../tree/check-tree.ts';
import type { DraftTree } from '../tree/draft-tree.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import { SteadyMean } from '../decode/steady-mean.ts';
import type { checkProposal } from './check-proposal.ts';
import type { AnyDrafter, DraftedModel, Outlook, PrefillRecord, StepRecord } from './drafter.ts';

/** What several drafters expect, one entry for each of them; undefined also for those that rest. */
export type Outlooks = readonly (Outlook | undefined)[];

/** What a proposal must fit: at most `nodes` nodes, tokens below `vocab`, and `root` at the root. */
export type ProposalLimits = Omit<TreeLimits, 'sources'>;

/** Throws for a tree that does not fit. */
export type ProposalCheck = typeof checkProposal;

/** A drafter is sure when it gives one token this score. */
const SURE = 0.9;
/** Every so many steps the drafters' learning is timed. */
const TIMED = 8;

/**
 * Drafters as one, in the order in which they are named. Where one is sure of the next token, those after it are not asked: what they
 * could add would not be worth its time. Otherwise all trees are merged by their common beginnings. The first has the first say about scores,
 * and a node that more than one has proposed takes the source `several`, as agreement is worth knowing. Draws stay with the nodes that were
 * drawn. What comes out can be as large as all trees together, and is for the scheduler to prune.
 */
export class Proposer {
  /** Names of the drafters. */
  readonly drafters: readonly string[];
  /** Names behind `DraftTree.sources`. */
  readonly sources: readonly string[];
  readonly #members: readonly CheckedDrafter[];
  readonly #tree: TreeBuilder;
  #steps = 0;
  #seed = 0;

  /**
   * @param drafters at least one
   * @param check    needed where one of them is not ours
   */
  constructor(drafters: readonly AnyDrafter[], signal?: AbortSignal, check?: ProposalCheck) {
    this.#members = drafters.map((drafter) => new CheckedDrafter(drafter, signal, check));
    this.drafters = this.#members.map(({ name }) => name);
    const sources = this.#members.flatMap((member) => member.sources);
    this.sources = drafters.length > 1 ? [...sources, 'several'] : sources;
    this.#tree = new TreeBuilder(sources.length);
  }

  /** What drafters tell of themselves. */
  get notes(): string[] {
    return this.#members.flatMap(({ note }) => note ?? []);
  }

  /** Tells drafters whom they draft for. @throws {ForetokenError} theirs; `drafter.failed` with anything else that one throws as its cause */
  meet(model: DraftedModel): void {
    for (const member of this.#members) member.meet(model);
  }

  /** @throws {ForetokenError} `drafter.failed`, with what the drafter threw as its cause */
  begin(prompt: Int32Array, seed = 0): void {
    this.#seed = seed;
    this.#members.forEach((member, drafter) => {
      if (!member.rests) member.begin(prompt, this.#seedOf(drafter));
    });
  }

  /** @throws {ForetokenError} `drafter.failed`, with what the drafter threw as its cause */
  prefill(block: PrefillRecord): void {
    for (const member of this.#members) if (!member.rests) member.prefill(block);
  }

  /** Leaves a drafter alone: it is neither asked nor told, until it is woken. */
  rest(drafter: number): void {
    this.#members[drafter]!.rests = true;
  }

  /**
   * A drafter that rested begins anew.
   * @param history prompt and output so far
   * @throws {ForetokenError} `drafter.failed`, with what the drafter threw as its cause
   */
  wake(drafter: number, history: readonly number[]): void {
    this.#members[drafter]!.rests = false;
    this.#members[drafter]!.begin(Int32Array.from(history), this.#seedOf(drafter));
  }

  /** Each samples with numbers of its own: in one tree draws of one must not depend on another's. Seeds so far apart are nobody else's. */
  #seedOf(drafter: number): number {
    return (this.#seed + drafter * 2 ** 50) % 2 ** 53;
  }

  /** Milliseconds that a drafter takes to learn from a step. */
  learningMs(drafter: number): number {
    return this.#members[drafter]!.learning.value;
  }

  /**
   * The outlook of every drafter; undefined when one of them gives none, as what it would propose is then unknown.
   * @throws {ForetokenError} `drafter.failed`, with what the drafter threw as its cause
   */
  outlooks(): Outlooks | undefined {
    if (this.#members.some(({ tells }) => !tells)) return undefined;
    return this.#members.map((member) => (member.rests ? undefined : member.outlook()));
  }

  /**
   * @throws {ForetokenError} `drafter.failed` when a drafter throws or rejects, `drafter.tree` when its tree does not fit; each with its cause
   * @throws the signal's reason when it aborts first; what a late drafter brings is dropped
   */
  propose(limits: ProposalLimits): DraftTree | Promise<DraftTree> {
    const proposals: (DraftTree | Promise<DraftTree>)[] = [];
    const firstSources: number[] = [];
    let firstSource = 0;
    const samplers = this.#members.filter(({ samples, rests }) => samples && !rests).length;
    for (const member of this.#members) {
      if (!member.rests) {
        // What is drawn is not cut afterwards: those who draw share the room.
        const nodes = member.samples ? 1 + Math.floor((limits.nodes - 1) / samplers) : limits.nodes;
        const proposal = member.propose({ ...limits, nodes });
        proposals.push(proposal);
        firstSources.push(firstSource);
        if (!isPromise(proposal) && isSure(proposal)) break;
      }
      firstSource += member.sources.length;
    }
    if (proposals.some(isPromise)) {
      return Promise.all(proposals).then((trees) => this.#merge(trees, firstSources, limits.root));
    }
    return this.#merge(proposals as DraftTree[], firstSources, limits.root);
  }

  /** @throws {ForetokenError} `drafter.failed`, with what the drafter threw as its cause */
  observe(step: StepRecord): void {
    const timed = this.#steps++ % TIMED === 0;
    for (const member of this.#members) {
      if (member.rests) continue;
      const started = timed ? performance.now() : 0;
      member.observe(step);
      if (timed) member.learning.add(performance.now() - started);
    }
  }

  #merge(trees: readonly DraftTree[], firstSources: readonly number[], root: number): DraftTree {
    // Sources of the first drafter keep their numbers.
    if (trees.length === 1 && firstSources[0] === 0) return trees[0]!;
    let nodes = 1;
    for (const { tokens } of trees) nodes += tokens.length - 1;
    this.#tree.start(root, nodes);
    for (let i = 0; i < trees.length; i++) this.#tree.addTree(trees[i]!, firstSources[i]);
    return this.#tree.build();
  }
}

/** A drafter whose every failure becomes a `ForetokenError`, and whose trees are checked if there is a check. */
class CheckedDrafter {
  readonly name: string;
  readonly sources: readonly string[];
  /** Whether it has an outlook to tell. */
  readonly tells: boolean;
  /** Whether it draws what it proposes. */
  readonly samples: boolean;
  readonly learning = new SteadyMean();
  rests = false;
  readonly #drafter: AnyDrafter;
  readonly #signal: AbortSignal | undefined;
  readonly #checkProposal: ProposalCheck | undefined;

  constructor(drafter: AnyDrafter, signal: AbortSignal | undefined, check: ProposalCheck | undefined) {
    this.name = drafter.name;
    this.sources = drafter.sources ?? [drafter.name];
    this.tells = drafter.outlook !== undefined;
    this.samples = (drafter.sampling ?? 'deterministic') !== 'deterministic';
    this.#drafter = drafter;
    this.#signal = signal;
    this.#checkProposal = check;
  }

  get note(): string | undefined {
    return this.#drafter.note;
  }

  meet(model: DraftedModel): void {
    try {
      this.#drafter.meet?.(model);
    } catch (error) {
      throw error instanceof ForetokenError ? error : this.#failure('meet', error);
    }
  }

  prefill(block: PrefillRecord): void {
    this.#call('prefill', () => this.#drafter.prefill?.(block));
  }

  begin(prompt: Int32Array, seed: number): void {
    this.#call('begin', () => this.#drafter.begin(prompt, seed));
  }

  observe(step: StepRecord): void {
    this.#call('observe', () => this.#drafter.observe(step));
  }

  outlook(): Outlook | undefined {
    return this.#call('outlook', () => this.#drafter.outlook!());
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
    this.#checkProposal?.(this.name, tree, { ...limits, sources: this.sources.length });
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

function isSure({ parents, scores }: DraftTree): boolean {
  return scores?.some((score, node) => parents[node] === 0 && score >= SURE) ?? false;
}

function isPromise(value: DraftTree | Promise<DraftTree>): value is Promise<DraftTree> {
  return typeof (value as Partial<Promise<DraftTree>> | null)?.then === 'function';
}
