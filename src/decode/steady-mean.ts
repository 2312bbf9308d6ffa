/**
 * Running mean of times on a host that does other things as well.
 * @module
 */

/** Of the first few samples the least counts: the others were disturbed, or ran before the host had compiled the code. */
const FIRST = 3;
/** A later sample counts as at most this times the mean. */
export const OUTLIER = 1.5;
/** Samples that are remembered: older ones fade. */
const MEMORY = 8;

export class SteadyMean {
  #value = 0;
  #weight = 0;

  /** 0 before the first sample. */
  get value(): number {
    return this.#value;
  }

  /** How many samples stand behind the value, up to 8. */
  get weight(): number {
    return this.#weight;
  }

  /** @param share 0..1: how much of a sample this is */
  add(sample: number, share = 1): void {
    const known = this.#weight > 0 ? this.#value : sample;
    const disturbed = this.#weight >= FIRST;
    this.#weight = Math.min(this.#weight + share, MEMORY);
    this.#value = disturbed
      ? known + ((Math.min(sample, OUTLIER * known) - known) * share) / this.#weight
      : Math.min(known, sample);
  }
}
