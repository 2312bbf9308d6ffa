/**
 * Stop strings, found in streamed text wherever its pieces are cut.
 * @module
 */

/**
 * Passes text through until one of the stop strings is complete, reading unit by unit: the one that is complete first ends the text, the longest of those
 * that are complete at the same unit. Text that could be the beginning of a stop string is held back until it is not.
 *
 * Cost: linear in the text for each stop string, whatever the strings (Knuth, Morris and Pratt).
 */
export class StopStrings {
  readonly #patterns: readonly Pattern[];
  /** Text after what was let through: at most the longest beginning of a stop string. */
  #held = '';
  #stopped = false;

  /** @param stops none of them empty */
  constructor(stops: readonly string[]) {
    this.#patterns = stops.map((text) => new Pattern(text));
  }

  /** True from the moment a stop string was complete; it and all that follows it are dropped. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** @returns the text that is now known not to belong to a stop string */
  push(text: string): string {
    if (this.#stopped) return '';
    const all = this.#held + text;
    for (let at = this.#held.length; at < all.length; at++) {
      let matched = 0;
      for (const pattern of this.#patterns) matched = Math.max(matched, pattern.read(all[at]!));
      if (matched > 0) {
        this.#stopped = true;
        this.#held = '';
        return all.slice(0, at + 1 - matched);
      }
    }
    const open = this.#patterns.reduce((longest, pattern) => Math.max(longest, pattern.matched), 0);
    this.#held = all.slice(all.length - open);
    return all.slice(0, all.length - open);
  }

  /** At the end of the text. @returns what was held back */
  flush(): string {
    const rest = this.#held;
    this.#held = '';
    return rest;
  }
}

/** One stop string and how much of it the text ends with. */
class Pattern {
  readonly #text: string;
  /** #fallback[m] = length of the longest proper beginning of the string that its first m units end with. */
  readonly #fallback: Int32Array;
  matched = 0;

  constructor(text: string) {
    this.#text = text;
    this.#fallback = new Int32Array(text.length + 1);
    for (let m = 1; m < text.length; m++) this.#fallback[m + 1] = this.#follow(this.#fallback[m]!, text[m]!);
  }

  /** Reads one unit. @returns the string's length when it is complete, else 0 */
  read(unit: string): number {
    this.matched = this.#follow(this.matched, unit);
    return this.matched === this.#text.length ? this.matched : 0;
  }

  #follow(from: number, unit: string): number {
    let matched = from;
    while (matched > 0 && this.#text[matched] !== unit) matched = this.#fallback[matched]!;
    return this.#text[matched] === unit ? matched + 1 : 0;
  }
}
