/**
 * Two drafters as one, as RASD joins a generator and a retriever: what is retrieved is pruned by what the generator thinks, then both trees are
 * fused by their longest common beginnings.
 * Source: "RASD: Retrieval-Augmented Speculative Decoding", Quan et al., 2025, arXiv 2503.03434; its thresholds are not published, ours are
 * stated below. Works for any pair, as all that is needed of a drafter is its tree.
 *
 *   generator  a .5 ── b .6     retriever  a ── c .9      kept: a c if b's law leaves c as much as `leastProbability`;
 *                                          x ── y .8            x y if a's law does; y only if its own share is `leastShare`
 *
 * Pruning looks at drafts alone, never at the target, so it changes no token.
 * @module
 */
import { outOfRange } from '../check-options.ts';
import { childWith, type DraftSampling, type DraftTree, scoreAt } from '../tree/draft-tree.ts';
import { keepBest, subtree } from '../tree/prune.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import type { DraftedModel, Drafter, Outlook, StepRecord } from './drafter.ts';

export interface FuseOptions {
  /** Below a node that the generator has guessed after: least probability that its scores leave for a retrieved child; default 0.01. */
  readonly leastProbability?: number;
  /** Elsewhere: least score of a retrieved child; default 0.1. */
  readonly leastShare?: number;
}

/** The part of `retrieved` that the generator's tree does not speak against. Both have the same root. */
export function pruneBy(
  generated: DraftTree,
  retrieved: DraftTree,
  { leastProbability = 0.01, leastShare = 0.1 }: FuseOptions = {},
): DraftTree {
  const nodes = retrieved.tokens.length;
  /** For each kept node the generator's node on the same path, or -1; -2 for what is not kept. */
  const twins = new Int32Array(nodes).fill(-2);
  twins[0] = 0;
  const left = leftProbabilities(generated);
  const kept = [0];
  for (let node = 1; node < nodes; node++) {
    const parent = twins[retrieved.parents[node]!]!;
    if (parent === -2) continue;
    const twin = parent < 0 ? -1 : childWith(generated, parent, retrieved.tokens[node]!);
    const judged = parent >= 0 && left[parent]! >= 0;
    const keep = twin > 0 || (judged ? left[parent]! >= leastProbability : scoreAt(retrieved, node) >= leastShare);
    if (!keep) continue;
    twins[node] = twin;
    kept.push(node);
  }
  return subtree(retrieved, Int32Array.from(kept));
}

/**
 * (N,) for each node with children the most that a token can have that is not among them: what their scores leave, and no more than the least of
 * them, as drafters guess the likeliest first; -1 for a node without.
 */
function leftProbabilities(tree: DraftTree): Float64Array {
  const sums = new Float64Array(tree.tokens.length);
  const least = new Float64Array(tree.tokens.length).fill(-1);
  for (let node = 1; node < sums.length; node++) {
    const parent = tree.parents[node]!;
    const score = scoreAt(tree, node);
    sums[parent]! += score;
    if (least[parent]! < 0 || score < least[parent]!) least[parent] = score;
  }
  return least.map((score, node) => (score < 0 ? -1 : Math.max(0, Math.min(score, 1 - sums[node]!))));
}

/**
 * A generator and a retriever. Every node keeps its source and its score; one that both propose has the generator's score, and the source `several`.
 * The generator may draw its nodes: they stay with their draws, all of them, and what is retrieved has the room that is left. What is
 * retrieved is chosen, and a rule decides it by an exact draw.
 */
export class Fused<S extends DraftSampling = 'deterministic'> implements Drafter<S> {
  readonly name: string;
  readonly sampling: S;
  readonly sources: readonly string[];
  /** Where both tell theirs: the surer of the two. */
  readonly outlook?: () => Outlook | undefined;
  readonly #generator: Drafter<S>;
  readonly #retriever: Drafter;
  readonly #options: FuseOptions;
  readonly #firstRetrieved: number;
  readonly #tree: TreeBuilder;

  /** @throws {ForetokenError} `option.range` for a retriever that draws */
  constructor(generator: Drafter<S>, retriever: Drafter, options: FuseOptions = {}) {
    if ((retriever.sampling ?? 'deterministic') !== 'deterministic') {
      throw outOfRange('retriever', 'a drafter that does not sample', retriever.sampling!);
    }
    const generated = generator.sources ?? [generator.name];
    const retrieved = retriever.sources ?? [retriever.name];
    this.name = `${generator.name}+${retriever.name}`;
    this.sources = [...generated, ...retrieved, 'several'];
    this.sampling = generator.sampling ?? ('deterministic' as S);
    this.#generator = generator;
    this.#retriever = retriever;
    this.#options = options;
    this.#firstRetrieved = generated.length;
    this.#tree = new TreeBuilder(this.sources.length - 1);
    if (generator.outlook && retriever.outlook) {
      this.outlook = () => surer(generator.outlook!(), retriever.outlook!());
    }
  }

  get note(): string | undefined {
    return [this.#generator.note, this.#retriever.note].filter(Boolean).join('; ') || undefined;
  }

  meet(model: DraftedModel): void {
    this.#generator.meet?.(model);
    this.#retriever.meet?.(model);
  }

  begin(prompt: Int32Array, seed: number): void {
    this.#generator.begin(prompt, seed);
    this.#retriever.begin(prompt, seed);
  }

  propose(budget: number): DraftTree | Promise<DraftTree> {
    const generated = this.#generator.propose(budget);
    const retrieved = this.#retriever.propose(budget);
    if (isTree(generated) && isTree(retrieved)) return this.#fuse(generated, retrieved, budget);
    return Promise.all([generated, retrieved]).then(([a, b]) => this.#fuse(a, b, budget));
  }

  observe(step: StepRecord): void {
    this.#generator.observe(step);
    this.#retriever.observe(step);
  }

  #fuse(generated: DraftTree, retrieved: DraftTree, budget: number): DraftTree {
    const pruned = pruneBy(generated, retrieved, this.#options);
    this.#tree.start(generated.tokens[0]!, generated.tokens.length + pruned.tokens.length - 1);
    this.#tree.addTree(generated);
    this.#tree.addTree(pruned, this.#firstRetrieved);
    return keepBest(this.#tree.build(), budget);
  }
}

function isTree(value: DraftTree | Promise<DraftTree>): value is DraftTree {
  return 'tokens' in value;
}

function surer(a: Outlook | undefined, b: Outlook | undefined): Outlook | undefined {
  return a && b ? (b.score > a.score ? b : a) : (a ?? b);
}
