/**
 * Draft model: a smaller language model guesses, in passes over its own cache.
 *
 *   catch up    tokens that the target has committed since go into the cache
 *   level 1     a pass over the root: q after it, and the root's children by the shape
 *   level 2     a pass over root and children: q after each child, and so on
 *
 * The part of the tree that is still a single path is committed as it grows, so that a chain costs one pass of one token a level. Whatever is accepted
 * stays in the cache.
 *
 * It may have another vocabulary than the target. The text before the root is then translated (translation.ts); trees that are chosen by rule are grown in its
 * own tokens and translated back (text-tree.ts), so that a word may be cut differently; trees that are drawn hold shared tokens only (shared-tokens.ts).
 * @module
 */
import { checkNames, outOfRange } from '../check-options.ts';
import { fillCache } from '../decode/fill-cache.ts';
import { checkOptions, type GenerateOptions } from '../decode/options.ts';
import { LogitsProcessor } from '../decode/sampling.ts';
import { TokenCache } from '../decode/token-cache.ts';
import { ForetokenError } from '../errors.ts';
import type { Target } from '../model/target.ts';
import { Breather } from '../runtime/breathe.ts';
import type { TextTokenizer } from '../text/text-tokenizer.ts';
import { type DraftSampling, type DraftTree, rootOnly } from '../tree/draft-tree.ts';
import { SeededChooser, STREAMS } from '../verify/chooser.ts';
import { normalise } from '../verify/rule.ts';
import type { DraftedModel, Drafter, StepRecord } from './drafter.ts';
import { depthWithin, SampledTree, type TreeShape } from './sampled-tree.ts';
import { restrict } from './shared-tokens.ts';
import { treeByText } from './text-tree.ts';
import { type Bridge, bridgeTo } from './vocabulary-bridge.ts';

export { beam, branches, chains, likeliest, topAndOne, type TreeShape } from './sampled-tree.ts';

/** What a draft model draws from: its own logits, after these. Temperature is 1 by default, and over 0. */
export type DraftModelOptions = Pick<GenerateOptions, 'temperature' | 'topK' | 'topP' | 'minP'>;

const OPTIONS: readonly string[] = ['temperature', 'topK', 'topP', 'minP'];

/** A loaded model, as far as a drafter needs it. */
export interface DraftSource {
  /** Needed only where its vocabulary is another than the target's. */
  readonly tokenizer?: TextTokenizer | undefined;
  conversation(): { readonly target: Target; dispose(): void };
}

/**
 * A drafter that is a model. It takes one of the model's sessions until it is disposed.
 *
 * @param model of the target's vocabulary, or of another one where both have tokenizers
 * @param shape of the trees: `chains`, `branches`, `beam`, `topAndOne` or `likeliest`; it decides which rules may accept
 * @throws {ForetokenError} `option.*`; `session.full` when no session is free
 * @example
 * const drafter = draftModel(await load('draft'), chains(1, 4));
 * model.generate(prompt, { temperature: 1, draft: drafter, verifier: speculativeSampling });
 */
export function draftModel<S extends DraftSampling>(
  model: DraftSource,
  shape: TreeShape<S>,
  options: DraftModelOptions = {},
): DraftModel<S> {
  checkNames(options, OPTIONS);
  const { sampling } = checkOptions({ temperature: 1, ...options });
  if (sampling.temperature === 0) throw outOfRange('temperature', 'over 0, as drafts are drawn', 0);
  const session = model.conversation();
  return new DraftModel(
    session.target,
    shape,
    new LogitsProcessor(session.target.vocab, sampling),
    () => session.dispose(),
    model.tokenizer,
  );
}

export class DraftModel<S extends DraftSampling> implements Drafter<S> {
  readonly name = 'draft-model';
  readonly sampling: S;
  readonly #shape: TreeShape<S>;
  readonly #processor: LogitsProcessor;
  readonly #cache: TokenCache;
  readonly #tokenizer: TextTokenizer | undefined;
  #bridge: Bridge;
  /** (V,) for each node that has been read, used again for every tree. */
  readonly #probabilities: Float64Array[] = [];
  #chooser = new SeededChooser(0, STREAMS.draft);
  #history: readonly number[] = [];
  #steps = 0;
  /** Counts texts and proposals: who was waiting meanwhile has been overtaken. */
  #turn = 0;
  /** Gives the session back. */
  readonly dispose: () => void;

  /** Use `draftModel`. */
  constructor(
    target: Target,
    shape: TreeShape<S>,
    processor: LogitsProcessor,
    dispose: () => void,
    tokenizer?: TextTokenizer,
  ) {
    this.sampling = shape.sampling;
    this.#shape = shape;
    this.#processor = processor;
    this.#cache = new TokenCache(target);
    this.#tokenizer = tokenizer;
    this.dispose = dispose;
    // Until it is told otherwise: the same vocabulary.
    const own = { vocab: target.vocab, tokenizer: undefined };
    this.#bridge = bridgeTo(own, own, this.sampling);
  }

  get note(): string | undefined {
    return this.#bridge.note;
  }

  /** @throws {ForetokenError} `option.draft` */
  meet(model: DraftedModel): void {
    const { vocab, tokenizer } = this.#bridge.target;
    if (model.vocab === vocab && model.tokenizer === tokenizer) return;
    const own = { vocab: this.#cache.target.vocab, tokenizer: this.#tokenizer };
    this.#bridge = bridgeTo(model, own, this.sampling);
    this.#probabilities.length = 0;
  }

  begin(prompt: Int32Array, seed: number): void {
    this.#chooser = new SeededChooser(seed, STREAMS.draft);
    this.#history = Array.from(prompt);
    this.#steps = 0;
    this.#turn++;
  }

  observe({ history }: StepRecord): void {
    this.#history = history;
  }

  async propose(budget: number): Promise<DraftTree> {
    const root = this.#history[this.#history.length - 1]!;
    const text = this.#bridge.translation.translate(this.#history);
    const depth = text ? this.#depth(budget, text.length) : 0;
    if (!text || depth === 0) return rootOnly(root);
    await this.#catchUp(text);
    const { byText } = this.#bridge;
    const own = text[text.length - 1]!;
    return byText ? treeByText(this.#grow(own, own, depth), root, budget, byText) : this.#grow(root, own, depth);
  }

  /** Levels that fit the budget, the passes and the context; the last one is not read. */
  #depth(budget: number, length: number): number {
    const { maxNodes, context } = this.#cache.target;
    return Math.max(
      0,
      Math.min(depthWithin(this.#shape, budget), 1 + depthWithin(this.#shape, maxNodes), 1 + context - length),
    );
  }

  /** Reads what is missing of the text, but its last token. */
  async #catchUp(history: Int32Array): Promise<void> {
    const turn = ++this.#turn;
    await this.#cache.target.ready?.();
    const before = () => {
      if (turn !== this.#turn) throw new ForetokenError('session.busy', 'the draft model has gone on to another text');
    };
    await fillCache(this.#cache, history, new Breather(), { before });
  }

  /** @param own the root as the draft model reads it */
  #grow(root: number, own: number, depth: number): DraftTree {
    const { target } = this.#cache;
    const tree = new SampledTree(root);
    const growLevel = this.#shape.start();
    const sampler = this.#chooser.at(this.#steps++);
    let frontier = [0];
    let trunk = 0;
    let pass = rootOnly(own);
    for (let level = 0; level < depth && frontier.length > 0; level++) {
      const end = trunkOf(tree.parents);
      if (end > trunk)
        this.#cache.commit(
          pass,
          Int32Array.from({ length: end - trunk }, (_, i) => i),
        );
      trunk = end;
      pass = below(tree, trunk, (node) => (node === 0 ? own : this.#own(tree.tokens[node]!)));
      const rows = target.forward(pass, 'all');
      // A node below which nothing can be drawn is a leaf: that depends on the distribution alone, not on a draw.
      const open = frontier.filter((node) => this.#readProbability(node, rows.logits(node - trunk)));
      frontier = growLevel(tree, open, (node) => this.#probabilities[node]!, sampler);
    }
    return tree.build();
  }

  /** A node's token as the draft model reads it. */
  #own(token: number): number {
    return this.#bridge.byText ? token : this.#bridge.shared.toDraft[token]!;
  }

  /** The distribution that children of a node are drawn from. @returns whether there is one */
  #readProbability(node: number, logits: Float32Array): boolean {
    const { byText, shared, target } = this.#bridge;
    const weights = this.#processor.process(logits, []);
    const row = (this.#probabilities[node] ??= new Float64Array(byText ? logits.length : target.vocab));
    if (!byText) return restrict(weights, shared, row);
    row.set(weights);
    return normalise(row);
  }
}

/** The last node that all others lie above or below. Nodes stand level by level. */
function trunkOf(parents: readonly number[]): number {
  let end = 0;
  while (end + 1 < parents.length && parents[end + 1] === end && (parents[end + 2] ?? Infinity) > end) end++;
  return end;
}

/** The tree from a node of its trunk on, with each node's token as the draft model reads it. */
function below({ parents }: SampledTree, trunk: number, tokenAt: (node: number) => number): DraftTree {
  return {
    tokens: Int32Array.from(parents.slice(trunk), (_, i) => tokenAt(trunk + i)),
    parents: Int32Array.from(parents.slice(trunk), (parent, i) => (i === 0 ? -1 : parent - trunk)),
  };
}
