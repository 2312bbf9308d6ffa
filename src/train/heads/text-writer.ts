/**
 * The texts of windows: as they are, or written by the target from their beginnings (on-policy).
 * @module
 */
import { uniform } from '../../decode/random.ts';
import type { FrozenTarget } from './frozen-target.ts';
import type { FullRecipe } from './head-options.ts';

/** Stream of random numbers that seeds the target's writing. Those of windows.ts are 16 and 17. */
const WRITING = 18;

export class TextWriter {
  readonly #target: FrozenTarget;
  readonly #recipe: FullRecipe;
  readonly #written = new Map<number, Int32Array>();

  constructor(target: FrozenTarget, recipe: FullRecipe) {
    this.#target = target;
    this.#recipe = recipe;
  }

  /** @param number of the window among all, which seeds what is drawn */
  async text(window: Int32Array, number: number, signal?: AbortSignal): Promise<Int32Array> {
    const { onPolicy, length, seed } = this.#recipe;
    if (!onPolicy) return window;
    const known = this.#written.get(number);
    if (known) return known;
    const prompt = window.subarray(0, onPolicy.prompt);
    const writing = {
      tokens: length - prompt.length,
      temperature: onPolicy.temperature,
      seed: Math.floor(uniform(seed, number, 0, WRITING) * 2 ** 53),
    };
    const text = await this.#target.write(prompt, writing, signal);
    this.#written.set(number, text);
    return text;
  }
}
