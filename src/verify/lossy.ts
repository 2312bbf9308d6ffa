/**
 * Rules that accept what the target would not have said: the output has another distribution than the target's, and how good it is has to be
 * measured. Each says so in its name, and in its guarantee.
 * @module
 */
import { outOfRange, wrongType } from '../check-options.ts';
import { exp, log } from '../engine/math.ts';
import type { TargetRows } from '../model/target.ts';
import { childWith, type DraftSampling, type DraftTree } from '../tree/draft-tree.ts';
import { SeededChooser, STREAMS } from './chooser.ts';
import { tryLenient } from './recursive-rejection.ts';
import { acceptanceRule, normalise, TargetWeights, trialRule } from './rule.ts';
import type { AcceptanceRule } from './verifier.ts';

const ANY: readonly DraftSampling[] = ['deterministic', 'independent', 'withoutReplacement', 'topAndOne'];

/**
 * Lenience: a draft is accepted with probability min(1, p / (lenience q)). 1 is speculative sampling, which is lossless.
 * Source: Leviathan, Kalman and Matias, 2022, arXiv 2211.17192, appendix.
 *
 * @param lenience over 0, at most 1
 * @throws {ForetokenError} `option.type`, `option.range`
 */
export function lossyLenience(lenience: number): AcceptanceRule<'deterministic' | 'independent'> {
  if (typeof lenience !== 'number') throw wrongType('lenience', 'a number', lenience);
  if (!(lenience > 0 && lenience <= 1)) throw outOfRange('lenience', 'over 0, at most 1', lenience);
  return trialRule(
    { name: 'lossy-lenience', guarantee: 'lossy', validFor: ['deterministic', 'independent'] },
    (...trial) => tryLenient(lenience, ...trial),
  );
}

export interface TypicalOptions {
  /** A token at least this likely is always accepted: default 0.09. 0..1. */
  readonly epsilon?: number;
  /** Share of exp(-entropy) that a token needs where the target is unsure: default 0.3. 0..1. */
  readonly delta?: number;
}

/**
 * Typical acceptance: a drafted token is accepted where p(x) > min(epsilon, delta exp(-H(p))), and of all paths of such tokens the longest is
 * taken, of equally long ones the most likely. Nothing is rejected by chance. Where no child is accepted a token is drawn from p; Medusa
 * takes the most likely one by default, so that its samples are partly greedy.
 * Source: Cai et al., "Medusa", 2024, arXiv 2401.10774.
 *
 * @throws {ForetokenError} `option.type`, `option.range`
 */
export function lossyTypical({ epsilon = 0.09, delta = 0.3 }: TypicalOptions = {}): AcceptanceRule<DraftSampling> {
  for (const [name, value] of Object.entries({ epsilon, delta })) {
    if (typeof value !== 'number') throw wrongType(name, 'a number', value);
    if (!(value >= 0 && value <= 1)) throw outOfRange(name, '0..1', value);
  }
  const terms = { name: 'lossy-typical', guarantee: 'lossy', validFor: ANY } as const;
  return acceptanceRule(terms, ({ sampling, seed }, vocab) => {
    const target = new TargetWeights(vocab, sampling);
    const chooser = new SeededChooser(seed, STREAMS.verify);
    /** The tree of the last call, and for each node the child on the best path. */
    let planned: { readonly tree: DraftTree; readonly next: Int32Array } | undefined;
    return {
      ...terms,
      decide(tree, node, rows, history) {
        if (planned?.tree !== tree) planned = { tree, next: bestPath(tree, rows, history, target, { epsilon, delta }) };
        const child = planned.next[node]!;
        if (child >= 0) return { token: tree.tokens[child]!, child };
        const token = chooser.at(history.length).draw(target.at(rows.logits(node), history));
        return { token, child: childWith(tree, node, token) };
      },
    };
  });
}

/**
 * For each node the child on the longest path of typical tokens below it, or -1; by the sum of ln p where two are equally long.
 * @param history tokens up to the root, that included
 */
function bestPath(
  tree: DraftTree,
  rows: TargetRows,
  history: readonly number[],
  target: TargetWeights,
  { epsilon, delta }: Required<TypicalOptions>,
): Int32Array {
  const { tokens, parents } = tree;
  const paths: (readonly number[])[] = [history];
  const likelihood = new Float64Array(tokens.length).fill(Number.NaN);
  for (let node = 0; node < tokens.length; node++) {
    if (node > 0) paths.push([...paths[parents[node]!]!, tokens[node]!]);
    if (!parents.includes(node)) continue;
    const weights = target.at(rows.logits(node), paths[node]!);
    normalise(weights);
    const threshold = Math.min(epsilon, delta * exp(-entropy(weights)));
    for (let child = node + 1; child < tokens.length; child++) {
      const prob = weights[tokens[child]!]!;
      if (parents[child] === node && prob > threshold) likelihood[child] = log(prob);
    }
  }
  const next = new Int32Array(tokens.length).fill(-1);
  const length = new Int32Array(tokens.length);
  const sum = new Float64Array(tokens.length);
  for (let child = tokens.length - 1; child > 0; child--) {
    if (Number.isNaN(likelihood[child])) continue;
    const parent = parents[child]!;
    const [steps, total] = [length[child]! + 1, sum[child]! + likelihood[child]!];
    // Of paths alike in both the one of the first child, which comes last.
    if (steps < length[parent]! || (steps === length[parent] && total < sum[parent]!)) continue;
    [next[parent], length[parent], sum[parent]] = [child, steps, total];
  }
  return next;
}

/** -sum p ln(p + 1e-5), as Medusa has it. */
function entropy(probabilities: Float64Array): number {
  let sum = 0;
  for (let id = 0; id < probabilities.length; id++) {
    const prob = probabilities[id]!;
    if (prob > 0) sum -= prob * log(prob + 1e-5);
  }
  return sum;
}
