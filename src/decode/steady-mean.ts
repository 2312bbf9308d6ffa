/**
 * Running mean of times on a host that does other things as well.
 * @module
 */

/** Of the first few samples the least counts: the others were disturbed, or ran before the host had compiled the code. */
const FIRST = 3;
/** A later sample counts as at most this times the mean. */
const OUTLIER = 4;
/** Samples that are remembered: older ones fade. */
const MEMORY = 16;

export class SteadyMean {
  #value = 0;
  #samples = 0;

  /** 0 before the first sample. */
  get value(): number {
    return this.#value;
  }

  add(sample: number): void {
    this.#samples = Math.min(this.#samples + 1, MEMORY);
    if (this.#samples === 1) this.#value = sample;
    else if (this.#samples <= FIRST) this.#value = Math.min(this.#value, sample);
    else this.#value += (Math.min(sample, OUTLIER * this.#value) - this.#value) / this.#samples;
  }
}
