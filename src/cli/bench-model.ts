/**
 * A model put together for measuring: what its drafters and its scheduler have learnt can be forgotten between runs.
 * @module
 */
import { Drafting } from '../decode/drafting.ts';
import { generate } from '../decode/generate.ts';
import type { GenerateOptions } from '../decode/options.ts';
import type { FinishReason } from '../decode/output.ts';
import { Queue } from '../decode/queue.ts';
import type { GenerationStats } from '../decode/stats.ts';
import { TokenCache } from '../decode/token-cache.ts';
import { ForetokenError } from '../errors.ts';
import { type LoadedParts, type LoadOptions, loadParts, type ModelInput } from '../load.ts';
import type { Session } from '../model/session.ts';
import { type CostPoint, type CurveOptions, measureCostCurve } from './cost-curve.ts';
import { GivenTarget } from './given-target.ts';

/** Whose memory a run drafts from, unless it names another. */
const MAIN = 'main';

/** A finished generation. */
export interface Run {
  readonly tokens: readonly number[];
  readonly text: string;
  readonly finishReason: FinishReason | undefined;
  readonly stats: GenerationStats;
  /** Wall time but for the prompt: drafting, and the moments left to the host, included. */
  readonly decodeMs: number;
}

export class BenchModel {
  readonly parts: LoadedParts;
  /** The one session; whoever uses it directly calls `forget` afterwards. */
  readonly session: Session;
  /** What runs decode with. */
  readonly target: GivenTarget;
  readonly #cache: TokenCache;
  readonly #queue = new Queue();
  /** What drafters and scheduler have learnt, by the name of whose memory it is. */
  readonly #memories = new Map<string, Drafting>();

  private constructor(parts: LoadedParts) {
    this.parts = parts;
    this.session = parts.transformer.session();
    this.target = new GivenTarget(this.session);
    this.#cache = new TokenCache(this.target);
  }

  static async load(source: ModelInput, options: LoadOptions = {}): Promise<BenchModel> {
    return new BenchModel(await loadParts(source, options));
  }

  /** What was learnt from earlier runs, and the cache: gone, as after loading. */
  forget(): void {
    this.#cache.forget();
    this.#memories.clear();
  }

  /** @param addSpecial whether a text stands at the beginning, where the model may see a token of its own; default true */
  encode(prompt: string | readonly number[], { addSpecial = true } = {}): readonly number[] {
    if (typeof prompt !== 'string') return prompt;
    const { tokenizer } = this.parts;
    if (!tokenizer)
      throw new ForetokenError('prompt.tokenizer', 'this model has no tokenizer: give the prompt as token ids');
    return [...tokenizer.encode(prompt, { addSpecial })];
  }

  /**
   * @param answer what the model is made to say; without it, what it says by itself
   * @param memory whose drafters and scheduler: ways of drafting that take turns and must not learn from each other each have a name
   */
  async run(
    prompt: readonly number[],
    options: GenerateOptions,
    answer?: readonly number[],
    memory = MAIN,
  ): Promise<Run> {
    this.target.text = answer && [...prompt, ...answer];
    const { transformer, tokenizer } = this.parts;
    const host = {
      cache: this.#cache,
      queue: this.#queue,
      drafting: this.#drafting(memory),
      endTokens: transformer.config.eosTokens,
      ...(tokenizer && {
        detokenizer: () => tokenizer.detokenizer(),
        encode: (text: string) => tokenizer.encode(text),
      }),
    };
    const generation = generate(host, prompt, options);
    const start = performance.now();
    const text = await generation.text();
    const wallMs = performance.now() - start;
    const { tokens, finishReason, stats } = generation;
    return { tokens, text, finishReason, stats, decodeMs: wallMs - stats.prefillMs };
  }

  costCurve(options: CurveOptions): CostPoint[] {
    this.#cache.forget();
    return measureCostCurve(this.session, options);
  }

  #drafting(memory: string): Drafting {
    let drafting = this.#memories.get(memory);
    if (!drafting) {
      const { transformer } = this.parts;
      const { context, maxNodes } = transformer.plan.options;
      drafting = new Drafting({ vocab: transformer.config.vocab, context, maxNodes });
      this.#memories.set(memory, drafting);
    }
    return drafting;
  }
}
