/**
 * Superposed drafts: k continuations of a model that costs one pass of one token a level, as a tree. A draft model's tree of the same width
 * costs a pass of k tokens a level.
 * Source: Shen et al., "Superposed Decoding", 2024, arXiv 2405.18400 (decode/superposition.ts); verification, which the paper has none of, makes the
 * text that of the target alone.
 *
 * The drafts are chosen, not drawn. A node's score is the share of the drafts through it among those through its parent, by scores as they were
 * before the temperature sharpened them.
 * @module
 */
import { checkNames, outOfRange, wrongType } from '../check-options.ts';
import { fillCache } from '../decode/fill-cache.ts';
import {
  MOST_DRAFTS,
  NGRAM_SHARE,
  type Path,
  type SuperposeSettings,
  shares,
  superpose,
  TEMPERATURE,
} from '../decode/superposition.ts';
import { TokenCache } from '../decode/token-cache.ts';
import { ForetokenError } from '../errors.ts';
import { Breather } from '../runtime/breathe.ts';
import { type DraftTree, rootOnly } from '../tree/draft-tree.ts';
import { keepBest } from '../tree/prune.ts';
import { TreeBuilder } from '../tree/tree-builder.ts';
import type { DraftSource } from './draft-model.ts';
import type { DraftedModel, Drafter, StepRecord } from './drafter.ts';
import { bridgeTo } from './vocabulary-bridge.ts';

/** More than any pass holds; mixtures are good for about ten. */
const MOST_DEPTH = 64;

export interface SuperposedOptions {
  /** Continuations, 1..8; default 3. */
  readonly count?: number;
  /** Tokens of each, and passes of the model for a tree: default 6. 1..64 */
  readonly depth?: number;
}

/**
 * A drafter that superposes. It takes one of the model's sessions until it is disposed.
 *
 * @param model with the target's vocabulary
 * @throws {ForetokenError} `option.*`, also for a model that takes no mixtures of tokens; `session.full` when no session is free
 * @example model.generate(prompt, { draft: new Superposed(await load('small'), { count: 3, depth: 6 }) });
 */
export class Superposed implements Drafter {
  readonly name = 'superposed';
  /** Gives the session back. */
  readonly dispose: () => void;
  readonly #cache: TokenCache;
  readonly #settings: SuperposeSettings;
  readonly #depth: number;
  readonly #tree = new TreeBuilder();
  readonly #own: DraftedModel;
  /** Who is known to have the same vocabulary. */
  #target: DraftedModel | undefined;
  #history: readonly number[] = [];
  /** Counts texts and proposals: who was waiting meanwhile has been overtaken. */
  #turn = 0;

  constructor(model: DraftSource, options: SuperposedOptions = {}) {
    checkNames(options, ['count', 'depth']);
    const { count = 3, depth = 6 } = options;
    for (const [name, value, most] of [
      ['count', count, MOST_DRAFTS],
      ['depth', depth, MOST_DEPTH],
    ] as const) {
      if (typeof value !== 'number') throw wrongType(name, 'a number', value);
      if (!(Number.isInteger(value) && value >= 1 && value <= most))
        throw outOfRange(name, `a whole number, 1..${most}`, value);
    }
    const session = model.conversation();
    this.dispose = () => session.dispose();
    if (!session.target.superpose) {
      this.dispose();
      throw wrongType('model', 'a model that takes mixtures of tokens', session.target);
    }
    this.#cache = new TokenCache(session.target);
    this.#settings = { count, temperature: TEMPERATURE, ngramShare: NGRAM_SHARE, endTokens: [] };
    this.#depth = depth;
    this.#own = { vocab: session.target.vocab, tokenizer: model.tokenizer };
  }

  /** @throws {ForetokenError} `option.draft` for a model of another vocabulary: drafts share their passes, so none can go by text */
  meet(target: DraftedModel): void {
    if (this.#target?.vocab === target.vocab && this.#target.tokenizer === target.tokenizer) return;
    const { note } = bridgeTo(target, this.#own, 'deterministic');
    if (note !== undefined)
      throw new ForetokenError('option.draft', `superposed drafts take a model of the same vocabulary; ${note}`);
    this.#target = target;
  }

  begin(prompt: Int32Array): void {
    this.#history = Array.from(prompt);
    this.#turn++;
  }

  observe({ history }: StepRecord): void {
    this.#history = history;
  }

  async propose(budget: number): Promise<DraftTree> {
    const text = [...this.#history];
    const root = text[text.length - 1]!;
    const { target } = this.#cache;
    const depth = Math.min(this.#depth, budget - 1, 1 + target.context - text.length);
    if (depth < 1) return rootOnly(root);
    const turn = ++this.#turn;
    const stay = () => {
      if (turn !== this.#turn) throw new ForetokenError('session.busy', 'the draft model has gone on to another text');
    };
    const breather = new Breather();
    await target.ready?.();
    await fillCache(this.#cache, Int32Array.from(text), breather, { before: stay });
    const { drafts } = await superpose(this.#cache, text, depth, this.#settings, async () => {
      await breather.due();
      stay();
    });
    return this.#grow(root, drafts, budget);
  }

  #grow(root: number, drafts: readonly Path[], budget: number): DraftTree {
    const tree = this.#tree;
    tree.start(root, 1 + drafts.reduce((nodes, { tokens }) => nodes + tokens.length, 0));
    const weights = shares(drafts, this.#settings.temperature);
    const place = (node: number, at: number, through: readonly number[]) => {
      const total = through.reduce((sum, draft) => sum + weights[draft]!, 0);
      for (const [token, those] of byToken(drafts, at, through)) {
        const share = those.reduce((sum, draft) => sum + weights[draft]!, 0);
        place(tree.add(node, token, share / total), at + 1, those);
      }
    };
    place(0, 0, [...drafts.keys()]);
    return keepBest(tree.build(), budget);
  }
}

/** Drafts by their token at a place, in their order. */
function byToken(drafts: readonly Path[], at: number, among: readonly number[]): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const draft of among) {
    const token = drafts[draft]!.tokens[at];
    if (token !== undefined) groups.set(token, [...(groups.get(token) ?? []), draft]);
  }
  return groups;
}
