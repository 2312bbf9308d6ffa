/**
 * Superposed decoding as the note on it says, in f64 over whole rows of the vocabulary: the twin of src/decode/superposition.ts.
 * @module
 */
export interface TwinDraft {
  readonly tokens: readonly number[];
  readonly score: number;
}

export interface TwinSettings {
  readonly count: number;
  readonly length: number;
  readonly temperature: number;
  readonly endTokens: readonly number[];
  /** P(x | context of some tokens), 0 where it was never seen; without it scores are log p. */
  readonly probability?: (context: readonly number[], token: number) => number;
}

const SHARES = [0.01, 0.04, 0.15, 0.18, 0.12];
const ALPHA = 0.54;

/** @param logitsOf what the model says after the text so far, of an input that has so much of each token's embedding (V,) */
export function twin(
  text: readonly number[],
  logitsOf: (input: Float64Array) => Float64Array,
  { count, length, temperature, endTokens, probability }: TwinSettings,
): { drafts: TwinDraft[]; finished: TwinDraft[] } {
  const vocab = logitsOf(new Float64Array(0)).length;
  let drafts: TwinDraft[] = [{ tokens: [], score: 0 }];
  let finished: (TwinDraft & { rank: number })[] = [];
  for (let step = 0; step < length && drafts.length > 0; step++) {
    const input = new Float64Array(vocab);
    const total = drafts.reduce((sum, { score }) => sum + Math.exp(score - drafts[0]!.score), 0);
    for (const { tokens, score } of drafts) {
      input[tokens.at(-1) ?? text.at(-1)!]! += Math.exp(score - drafts[0]!.score) / total;
    }
    const logits = logitsOf(input);
    const ids = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
    const kept = ids.slice(0, count * count);
    const mass = kept.reduce((sum, id) => sum + Math.exp((logits[id]! - logits[ids[0]!]!) / temperature), 0);
    const candidates: TwinDraft[] = [];
    for (const { tokens, score } of drafts) {
      for (const id of kept) {
        const logP = (logits[id]! - logits[ids[0]!]!) / temperature - Math.log(mass);
        let logF = logP;
        if (probability) {
          const before = [...text, ...tokens];
          let g = 0;
          SHARES.forEach((share, c) => {
            if (before.length > c) g += share * probability(before.slice(-1 - c), id);
          });
          logF = g > 0 ? (1 - ALPHA) * logP + ALPHA * Math.log(g) : (1 - ALPHA) * logP - 200;
        }
        candidates.push({ tokens: [...tokens, id], score: score + logF });
      }
    }
    const best = candidates
      .map((candidate, place) => ({ candidate, place }))
      .sort((a, b) => b.candidate.score - a.candidate.score || a.place - b.place)
      .slice(0, 2 * count)
      .map(({ candidate }) => candidate);
    const ended = best.filter(({ tokens }) => endTokens.includes(tokens.at(-1)!));
    drafts = best.filter((candidate) => !ended.includes(candidate)).slice(0, count);
    finished = [
      ...finished,
      ...ended.map(({ tokens, score }) => ({ tokens: tokens.slice(0, -1), score, rank: score / tokens.length })),
    ]
      .sort((a, b) => b.rank - a.rank)
      .slice(0, count);
  }
  return { drafts, finished: finished.map(({ tokens, score }) => ({ tokens, score })) };
}
