/**
 * Embeddings: one vector for a text, pooled from the hidden states of its tokens behind the model's last norm.
 *
 *   hidden (N, D)  ──pool──►  (D,)  ──normalise──►  (D,) of length 1
 *
 * Loaded only when a text is embedded.
 *
 * Bits: a row of hidden states has one value however the text is cut into passes; sums run over positions in order, in f64, and every
 * operation is one that IEEE 754 rounds correctly. So a vector is the same on every runtime, with any `maxNodes` and number of threads.
 * @module
 */
import { checkNames, outOfRange, wrongType } from './check-options.ts';
import { checkPrompt, type Host } from './decode/generate.ts';
import { ForetokenError, quote } from './errors.ts';
import type { Session } from './model/session.ts';
import type { Prompt } from './model.ts';
import { Breather } from './runtime/breathe.ts';
import { chain } from './tree/draft-tree.ts';

/** Which positions make the vector: the mean of all, or the last or first one alone. A causal model's first position has seen the first token only. */
export type Pooling = 'mean' | 'last' | 'first';

export interface EmbedOptions {
  /** Default `mean`. Models that were trained to embed say on their page what they take; mostly `last`. */
  readonly pooling?: Pooling;
  /** Divide by the length, so that a dot product of two vectors is their cosine. Default true. */
  readonly normalise?: boolean;
  /** Ends the call between two passes. */
  readonly signal?: AbortSignal;
}

const POOLINGS: readonly string[] = ['mean', 'last', 'first'] satisfies Pooling[];

/**
 * Embeds texts one after the other, in one turn of the model's queue. What the session's cache held is replaced.
 *
 * @param encode token ids of a text, those around it included
 * @returns (D,) f32 for each text; a vector of zeros stays one
 * @throws {ForetokenError} before anything runs: `option.*`, `prompt.*`; then `session.busy`, `session.disposed`, `model.disposed`; `logits.finite`
 *   when hidden states are not finite. The model stays usable after each
 * @throws the signal's reason, once it aborts
 */
export async function embed(
  { cache, queue }: Host,
  session: Session,
  texts: readonly Prompt[],
  encode: (text: Prompt) => ArrayLike<number>,
  options: EmbedOptions = {},
): Promise<Float32Array[]> {
  const { pooling, normalise, signal } = checkOptions(options);
  if (!Array.isArray(texts)) throw wrongType('texts', 'a list of texts or of lists of token ids', texts);
  const prompts = texts.map((text) => Int32Array.from(checkPrompt(encode(text), session)));
  const release = await queue.acquire(signal);
  try {
    await session.ready();
    signal?.throwIfAborted();
    const breather = new Breather();
    const vectors: Float32Array[] = [];
    for (const prompt of prompts) {
      cache.forget();
      const pool = new Pool(pooling, prompt.length);
      for (let done = 0; done < prompt.length; done += session.maxNodes) {
        const block = chain(prompt.subarray(done, done + session.maxNodes));
        session.forward(block, 'none');
        pool.add(session.hidden(), block.tokens.length);
        cache.commit(block, Int32Array.from(block.tokens.keys()));
        await breather.due();
        // An abort has given the turn, and so the cache, to the next call.
        signal?.throwIfAborted();
      }
      vectors.push(pool.vector(normalise));
    }
    return vectors;
  } finally {
    release();
  }
}

/** Checks every option. @throws {ForetokenError} `option.unknown`, `option.type`, `option.range` */
function checkOptions(options: EmbedOptions) {
  checkNames(options, ['pooling', 'normalise', 'signal']);
  const { pooling = 'mean', normalise = true, signal } = options;
  if (typeof pooling !== 'string') throw wrongType('pooling', 'a string', pooling);
  if (!POOLINGS.includes(pooling)) throw outOfRange('pooling', POOLINGS.map(quote).join(', '), quote(pooling));
  if (typeof normalise !== 'boolean') throw wrongType('normalise', 'true or false', normalise);
  if (signal !== undefined && typeof signal?.throwIfAborted !== 'function') {
    throw wrongType('signal', 'an AbortSignal', signal);
  }
  return { pooling, normalise, signal };
}

/** The rows of one text, pooled as they come. */
class Pool {
  readonly #positions: number;
  /** Positions that count: from the first to before the last of these. */
  readonly #from: number;
  readonly #to: number;
  #seen = 0;
  #sums = new Float64Array(0);

  constructor(pooling: Pooling, positions: number) {
    this.#from = pooling === 'last' ? positions - 1 : 0;
    this.#to = pooling === 'first' ? 1 : positions;
    this.#positions = this.#to - this.#from;
  }

  /** @param hidden (rows, D) of the next positions */
  add(hidden: Float32Array, rows: number): void {
    const width = hidden.length / rows;
    if (this.#seen === 0) this.#sums = new Float64Array(width);
    for (let row = 0; row < rows; row++, this.#seen++) {
      if (this.#seen < this.#from || this.#seen >= this.#to) continue;
      for (let i = 0; i < width; i++) this.#sums[i]! += hidden[row * width + i]!;
    }
  }

  vector(normalise: boolean): Float32Array {
    const mean = this.#sums.map((sum) => sum / this.#positions);
    if (!mean.every(Number.isFinite)) {
      throw new ForetokenError('logits.finite', 'hidden states of this text are not finite: it has no vector');
    }
    const length = normalise ? Math.sqrt(mean.reduce((sum, value) => sum + value * value, 0)) : 1;
    return Float32Array.from(mean, (value) => (length > 0 ? value / length : value));
  }
}
