/**
 * How many tokens a pass emits with a drafter and a number of nodes, on a known output: no clock, so a machine may do what else it likes.
 * @module
 */
import type { Drafter } from '../../src/draft/drafter.ts';
import type { Target, TargetRows } from '../../src/model/target.ts';
import { chain, childWith, type DraftTree } from '../../src/tree/draft-tree.ts';
import { clipDepth, keepBest, subtree } from '../../src/tree/prune.ts';

/** Passes and tokens of one output. */
export interface Passes {
  readonly passes: number;
  readonly tokens: number;
}

/**
 * Decodes greedily as the loop does, but along an output that is known; a tree may have more nodes than a pass of the target.
 *
 * @param target with no committed positions; it is left with those of prompt and output
 * @param nodes  drafted in each pass, the root not counted
 */
export async function simulate(
  target: Target,
  drafter: Drafter,
  prompt: readonly number[],
  output: readonly number[],
  nodes: number,
): Promise<Passes> {
  commitChain(target, prompt.slice(0, -1));
  drafter.begin(Int32Array.from(prompt));
  const history = [...prompt];
  let passes = 0;
  for (let done = 0; done < output.length; passes++) {
    const deepest = Math.min(output.length - done, target.context - target.length) - 1;
    const tree = keepBest(clipDepth(await drafter.propose(nodes + 1), deepest), nodes + 1);
    const rows = rowsOf(target, tree);
    const path = [0];
    const emitted: number[] = [];
    for (let node = 0; node >= 0; ) {
      const token = output[done + emitted.length]!;
      emitted.push(token);
      node = childWith(tree, node, token);
      if (node > 0) path.push(node);
    }
    history.push(...emitted);
    done += emitted.length;
    commitChain(
      target,
      path.map((node) => tree.tokens[node]!),
    );
    drafter.observe({ tree, path: Int32Array.from(path), emitted: Int32Array.from(emitted), history, rows });
  }
  return { passes, tokens: output.length };
}

function commitChain(target: Target, tokens: readonly number[]): void {
  for (let start = 0; start < tokens.length; start += target.maxNodes) {
    const piece = chain(tokens.slice(start, start + target.maxNodes));
    target.forward(piece, 'none');
    target.commit(Int32Array.from(piece.tokens.keys()));
  }
}

/** Rows of every node, copied: a tree that is larger than a pass is read in several, each of whole root paths. */
function rowsOf(target: Target, tree: DraftTree): TargetRows {
  const logits: Float32Array[] = [];
  const best: Int32Array[] = [];
  const read = (nodes: number[]) => {
    const sorted = nodes.sort((a, b) => a - b);
    const rows = target.forward(subtree(tree, Int32Array.from(sorted)), 'all');
    sorted.forEach((node, row) => {
      logits[node] ??= rows.logits(row).slice();
      best[node] ??= rows.topK(row, Math.min(64, target.vocab));
    });
  };
  let nodes = new Set<number>();
  for (let node = 0; node < tree.tokens.length; node++) {
    const path: number[] = [];
    for (let at = node; at >= 0 && !nodes.has(at); at = tree.parents[at]!) path.push(at);
    if (nodes.size + path.length > target.maxNodes) {
      read([...nodes]);
      nodes = new Set();
      for (let at = tree.parents[node]!; at >= 0; at = tree.parents[at]!) path.push(at);
    }
    for (const at of path) nodes.add(at);
  }
  read([...nodes]);
  return {
    logits: (node) => logits[node]!,
    argmax: (node) => best[node]![0]!,
    topK: (node, k) => best[node]!.slice(0, k),
  };
}
