/**
 * N-grams of a store of text: how likely is a token after some text, by what followed its last tokens there?
 *
 *   g(x) = sum over c = 1..5 of share_c P(x | last c tokens)      0 for what is not in the store after c tokens
 *
 * Source: Shen et al., "Superposed Decoding", 2024, arXiv 2405.18400, whose shares these are. They sum to a half: g is no distribution.
 * Differences from the paper: P is counted at 256 places at most, spread over all that follow the c tokens, as each may be a read from disk.
 * @module
 */
import type { Ngrams } from '../decode/superposition.ts';
import type { TextStore } from './store.ts';

/** Of contexts of 1, 2 ... tokens. */
const SHARES = [0.01, 0.04, 0.15, 0.18, 0.12];
/** Places that a context is counted at. */
const PLACES = 256;

export function storeNgrams(store: TextStore): Ngrams {
  return {
    run: (reading) => store.run(reading),
    following(text, tokens) {
      const result = new Float64Array(tokens.length);
      SHARES.forEach((share, i) => {
        const context = text.slice(-1 - i);
        const { length, from, to } = store.find(context);
        // The store knows no more than an end of the context, which was counted before.
        if (length <= i) return;
        const places = Math.min(PLACES, to - from);
        const counts = new Map<number, number>();
        for (let place = 0; place < places; place++) {
          const token = store.tokenAt(store.place(from + Math.floor((place * (to - from)) / places)));
          counts.set(token, (counts.get(token) ?? 0) + 1);
        }
        for (let at = 0; at < tokens.length; at++) result[at]! += (share * (counts.get(tokens[at]!) ?? 0)) / places;
      });
      return result;
    },
  };
}
