/**
 * Loops: small models sometimes repeat themselves without end, and a repetition is what every drafter guesses best. Such outputs are kept
 * out of every claim of speed.
 * @module
 */

const LONGEST_PERIOD = 64;
const MOST_REPEATS = 4;

/**
 * Whether a period of up to 64 tokens is repeated more than 4 times somewhere.
 *
 * @example hasLoop([7, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2]) // true: (1 2) five times
 */
export function hasLoop(tokens: readonly number[]): boolean {
  for (let period = 1; period <= LONGEST_PERIOD; period++) {
    let same = 0; // tokens in a row that equal the one a period before: k repeats of a period give (k - 1) of them each
    for (let i = period; i < tokens.length; i++) {
      same = tokens[i] === tokens[i - period] ? same + 1 : 0;
      if (same === MOST_REPEATS * period) return true;
    }
  }
  return false;
}
