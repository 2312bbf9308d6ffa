/**
 * Hindsight: the least time that any choice among the drafters' candidates could have taken, were drafting free.
 *
 *   at every position of the output     p      p+1    p+2    p+3    p+4
 *   the offered tree holds the next     2      0      1      0      2     tokens of the output in a row
 *
 * A step at p may verify any k of those tokens, in a pass of k + 1 nodes, and then stands at p + k + 1. The ceiling is the cheapest way
 * from the first position to the end, each pass at its measured T(n). No scheduler and no pruning of the same candidates can beat it.
 * @module
 */
import type { CostPoint } from '../../src/cli/cost-curve.ts';
import type { Pair } from '../../src/cli/statistics.ts';
import type { Proposer } from '../../src/draft/proposer.ts';
import type { Target } from '../../src/model/target.ts';
import { chain, type DraftTree, rootOnly } from '../../src/tree/draft-tree.ts';
import { keepBest } from '../../src/tree/prune.ts';

/**
 * What an output takes in plain decoding, and at the ceiling, both at the measured T(n).
 * @param target loses what it has committed; for the other parameters see `offeredDepths` and `ceilingMs`
 */
export async function hindsight(
  target: Target,
  drafters: Proposer,
  prompt: readonly number[],
  output: readonly number[],
  curve: readonly CostPoint[],
): Promise<Pair> {
  target.truncate(0);
  const depths = await offeredDepths(target, drafters, prompt, output);
  return { plainMs: output.length * curve[0]!.ms, otherMs: ceilingMs(depths, curve) };
}

/**
 * Offers the drafters every position of a known output, with all nodes that a pass may have, and lets them see the model's rows at each of
 * them: they never know less than in a run of their own.
 *
 * @param target without committed positions; it is left with those of prompt and output
 * @param output tokens of plain decoding after the prompt
 * @returns (output.length,) tokens of the output, in a row, that the tree offered at each position holds
 */
export async function offeredDepths(
  target: Target,
  drafters: Proposer,
  prompt: readonly number[],
  output: readonly number[],
): Promise<Int32Array> {
  for (let start = 0; start < prompt.length - 1; start += target.maxNodes) {
    const piece = chain(prompt.slice(start, Math.min(start + target.maxNodes, prompt.length - 1)));
    target.forward(piece, 'none');
    target.commit(Int32Array.from(piece.tokens.keys()));
  }
  drafters.begin(Int32Array.from(prompt));
  const path = Int32Array.of(0);
  const found = new Int32Array(output.length);
  for (let position = 0; position < output.length; position++) {
    const root = position === 0 ? prompt[prompt.length - 1]! : output[position - 1]!;
    const nodes = Math.min(target.maxNodes, target.context - target.length);
    const tree =
      nodes > 1 ? keepBest(await drafters.propose({ nodes, root, vocab: target.vocab }), nodes) : rootOnly(root);
    found[position] = matchingDepth(tree, output, position);
    const rows = target.forward(tree, 'all');
    const history = [...prompt, ...output.slice(0, position + 1)];
    drafters.observe({ tree, path, emitted: Int32Array.of(output[position]!), history, rows });
    target.commit(path);
  }
  return found;
}

/** Walks the tree along the output. A node's children carry distinct tokens, so there is one way at most. */
function matchingDepth({ tokens, parents }: DraftTree, output: readonly number[], position: number): number {
  let at = 0;
  let depth = 0;
  for (let node = 1; node < tokens.length; node++) {
    if (parents[node] === at && tokens[node] === output[position + depth]) {
      at = node;
      depth++;
    }
  }
  return depth;
}

/**
 * Milliseconds of the cheapest way through the output.
 * @param depths what `offeredDepths` returned
 * @param curve measured T(n); between its sizes T is taken as a straight line
 */
export function ceilingMs(depths: Int32Array, curve: readonly CostPoint[]): number {
  const rest = new Float64Array(depths.length + 1); // rest[p]: cheapest from position p to the end
  for (let position = depths.length - 1; position >= 0; position--) {
    let best = Number.POSITIVE_INFINITY;
    const most = Math.min(depths[position]!, depths.length - position - 1);
    for (let verified = 0; verified <= most; verified++) {
      best = Math.min(best, passMs(verified + 1, curve) + rest[position + verified + 1]!);
    }
    rest[position] = best;
  }
  return rest[0]!;
}

function passMs(nodes: number, curve: readonly CostPoint[]): number {
  const above = curve.findIndex((point) => point.nodes >= nodes);
  const next = curve[above]!;
  if (next.nodes === nodes) return next.ms;
  const before = curve[above - 1]!;
  return before.ms + ((next.ms - before.ms) * (nodes - before.nodes)) / (next.nodes - before.nodes);
}
