/**
 * From logits to the distribution that a token is drawn from. Plain and speculative decoding share this one function.
 *
 * Steps, in the order of Hugging Face transformers: repetition penalty, temperature, topK, topP, minP. Each sees what the ones before it
 * left. Ties are resolved towards the lowest id everywhere, so topK keeps exactly K tokens (transformers keeps all that tie with the Kth).
 *
 * Bits: f64 throughout, exp by plain arithmetic, sums in order of ids: the same token on every runtime.
 * @module
 */
import { exp } from '../engine/math.ts';
import { ForetokenError } from '../errors.ts';

/** Settings of the processors. The defaults change nothing. */
export interface SamplingSettings {
  /** Divides the logits; 0 means greedy: the largest logit, no draw. */
  readonly temperature: number;
  /** Keeps the K most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Keeps the fewest most likely tokens whose probabilities sum to at least this; 1 keeps all. */
  readonly topP: number;
  /** Keeps tokens at least this times as likely as the most likely one; 0 keeps all. */
  readonly minP: number;
  /** Logits of tokens that the prompt or the output holds are divided by this when positive, multiplied when negative; 1 changes none. */
  readonly repetitionPenalty: number;
}

export class LogitsProcessor {
  readonly #settings: SamplingSettings;
  /** (V,) penalised logits, then unnormalised probabilities. */
  readonly #weights: Float64Array;
  /** (V,) stamp of the last call that penalised the token. */
  readonly #penalised: Uint32Array;
  #call = 0;
  readonly #order: DescendingOrder;

  /** @param vocab number of token ids; scratch of 16 bytes for each is reserved */
  constructor(vocab: number, settings: SamplingSettings) {
    this.#settings = settings;
    this.#weights = new Float64Array(vocab);
    this.#penalised = new Uint32Array(vocab);
    this.#order = new DescendingOrder(vocab);
  }

  /**
   * Id of the largest logit after the repetition penalty.
   * @param history tokens before the one to be chosen, prompt included
   */
  largest(logits: Float32Array, history: readonly number[]): number {
    const scores = this.#penalise(logits, history);
    let best = 0;
    for (let id = 1; id < scores.length; id++) if (scores[id]! > scores[best]!) best = id;
    return best;
  }

  /**
   * The token that a random number selects: the first id at which the running sum of probabilities exceeds it.
   * @param u in [0, 1)
   * @throws {ForetokenError} `logits.finite` when the logits hold no finite maximum
   */
  draw(logits: Float32Array, history: readonly number[], u: number): number {
    return select(this.process(logits, history), u);
  }

  /**
   * The processed distribution.
   * @param logits  (V,) f32 of the target
   * @param history tokens before the one to be chosen, prompt included
   * @returns (V,) f64, not normalised: the most likely token has 1, removed tokens have 0; valid until the next call
   * @throws {ForetokenError} `logits.finite` when the logits hold no finite maximum
   */
  process(logits: Float32Array, history: readonly number[]): Float64Array {
    const { temperature, topK, topP, minP } = this.#settings;
    const weights = this.#penalise(logits, history);

    let maximum = -Infinity;
    for (let id = 0; id < weights.length; id++) if (weights[id]! > maximum) maximum = weights[id]!;
    if (!Number.isFinite(maximum)) {
      throw new ForetokenError(
        'logits.finite',
        `the largest logit is ${maximum}: a finite number is needed to draw a token`,
      );
    }
    if (topK > 0 && topK < weights.length) this.#keepTopK(weights, topK);
    for (let id = 0; id < weights.length; id++) weights[id] = exp((weights[id]! - maximum) / temperature);
    if (topP < 1) this.#keepTopP(weights, topP);
    if (minP > 0) for (let id = 0; id < weights.length; id++) if (weights[id]! < minP) weights[id] = 0;
    return weights;
  }

  /** Copies the logits and applies the repetition penalty, once for each distinct token of the history. */
  #penalise(logits: Float32Array, history: readonly number[]): Float64Array {
    const scores = this.#weights;
    scores.set(logits);
    const penalty = this.#settings.repetitionPenalty;
    if (penalty === 1) return scores;
    const stamp = (this.#call = (this.#call + 1) >>> 0 || 1);
    for (const token of history) {
      if (this.#penalised[token] === stamp) continue;
      this.#penalised[token] = stamp;
      const score = scores[token]!;
      scores[token] = score < 0 ? score * penalty : score / penalty;
    }
    return scores;
  }

  /** Scores below the Kth become -Infinity. */
  #keepTopK(scores: Float64Array, topK: number): void {
    this.#order.start(scores, belowTopK(scores, topK));
    let last = 0;
    for (let kept = 0; kept < topK; kept++) last = this.#order.next();
    clearBelow(scores, scores[last]!, last, -Infinity);
  }

  /** Weights outside the nucleus become 0. */
  #keepTopP(weights: Float64Array, topP: number): void {
    let total = 0;
    for (let id = 0; id < weights.length; id++) total += weights[id]!;
    // All weights below this floor together are at most (1 - topP) of the total: the nucleus is full before it reaches them.
    this.#order.start(weights, ((1 - topP) * total) / weights.length);
    let last = this.#order.next();
    for (let sum = weights[last]!; sum < topP * total; sum += weights[last]!) {
      const next = this.#order.next();
      if (next < 0) break;
      last = next;
    }
    clearBelow(weights, weights[last]!, last, 0);
  }
}

/**
 * The id that a random number selects: the first at which the running sum of weights exceeds that share of their sum.
 * @param u in [0, 1)
 */
export function select(weights: Float64Array, u: number): number {
  let total = 0;
  for (let id = 0; id < weights.length; id++) total += weights[id]!;
  const target = u * total;
  let sum = 0;
  let token = 0;
  for (let id = 0; id < weights.length; id++) {
    if (weights[id] === 0) continue;
    token = id;
    sum += weights[id]!;
    if (sum > target) break;
  }
  return token;
}

/** A number that the K largest values reach, and few others: the Kth largest among the maxima of blocks, of which there are about 4 K. */
function belowTopK(values: Float64Array, topK: number): number {
  const size = Math.max(1, Math.floor(values.length / (4 * topK)));
  const maxima = new Float64Array(Math.ceil(values.length / size)).fill(-Infinity);
  for (let block = 0, id = 0; block < maxima.length; block++) {
    for (const end = Math.min(id + size, values.length); id < end; id++) {
      if (values[id]! > maxima[block]!) maxima[block] = values[id]!;
    }
  }
  return maxima.sort()[maxima.length - topK]!;
}

/** Overwrites every value that comes after (value, id) in descending order, ties in order of ids. */
function clearBelow(values: Float64Array, value: number, id: number, cleared: number): void {
  for (let i = 0; i < values.length; i++) {
    if (values[i]! < value || (values[i] === value && i > id)) values[i] = cleared;
  }
}

/** Ids in descending order of their values, ties in order of ids: a heap, so that reading the first m costs O(V + m log V). */
class DescendingOrder {
  readonly #heap: Int32Array;
  #size = 0;
  #values: Float64Array = new Float64Array(0);

  constructor(capacity: number) {
    this.#heap = new Int32Array(capacity);
  }

  /** Begins anew over the ids whose value is `floor` or more. */
  start(values: Float64Array, floor: number): void {
    this.#values = values;
    this.#size = 0;
    for (let id = 0; id < values.length; id++) if (values[id]! >= floor) this.#heap[this.#size++] = id;
    for (let i = (this.#size >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  /** The next id, or -1 at the end. */
  next(): number {
    if (this.#size === 0) return -1;
    const top = this.#heap[0]!;
    this.#heap[0] = this.#heap[--this.#size]!;
    this.#sink(0);
    return top;
  }

  #before(a: number, b: number): boolean {
    const x = this.#values[a]!;
    const y = this.#values[b]!;
    return x > y || (x === y && a < b);
  }

  #sink(start: number): void {
    const heap = this.#heap;
    const id = heap[start]!;
    let i = start;
    for (let child = 2 * i + 1; child < this.#size; child = 2 * i + 1) {
      if (child + 1 < this.#size && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, id)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = id;
  }
}
