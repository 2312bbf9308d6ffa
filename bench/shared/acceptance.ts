/**
 * How many tokens a pass emits with a drafter and a number of nodes, on a known output: no clock, so a machine may do what else it likes.
 * @module
 */
import type { Drafter } from '../../src/draft/drafter.ts';
import type { Target, TargetRows } from '../../src/model/target.ts';
import { chain, childWith, type DraftTree, pathTo } from '../../src/tree/draft-tree.ts';
import { clipDepth, keepBest } from '../../src/tree/prune.ts';

/** Passes and tokens of one output. */
export interface Passes {
  readonly passes: number;
  readonly tokens: number;
}

/**
 * Decodes greedily as the loop does, but along an output that is known; a tree may have more nodes than a pass of the target. The target runs only
 * for who looks at its rows: a drafter that reads nothing but text costs no pass.
 *
 * @param target with no committed positions; it is left with some of those of prompt and output
 * @param nodes  drafted in each pass, the root not counted
 * @param own    whether the output is the target's own: then each of its tokens is checked
 * @throws where it is not
 */
export async function simulate(
  target: Target,
  drafter: Drafter,
  prompt: readonly number[],
  output: readonly number[],
  nodes: number,
  own: boolean,
): Promise<Passes> {
  /** Tokens before the root that the target has not read. */
  let unread = prompt.slice(0, -1);
  drafter.begin(Int32Array.from(prompt), 0);
  const history = [...prompt];
  let passes = 0;
  for (let done = 0; done < output.length; passes++) {
    const deepest = Math.min(output.length - done, target.context - target.length - unread.length) - 1;
    const tree = keepBest(clipDepth(await drafter.propose(nodes + 1), deepest), nodes + 1);
    const rows = whenRead(() => {
      commitChain(target, unread);
      unread = [];
      return rowsOf(target, tree);
    });
    const path = [0];
    const emitted: number[] = [];
    for (let node = 0; node >= 0; ) {
      const token = output[done + emitted.length]!;
      if (own && rows.argmax(node) !== token) throw new Error(`the target does not say token ${done + emitted.length}`);
      emitted.push(token);
      node = childWith(tree, node, token);
      if (node > 0) path.push(node);
    }
    history.push(...emitted);
    done += emitted.length;
    drafter.observe({ tree, path: Int32Array.from(path), emitted: Int32Array.from(emitted), history, rows });
    unread.push(...path.map((node) => tree.tokens[node]!));
  }
  return { passes, tokens: output.length };
}

/** Rows that are computed when one of them is first looked at. */
function whenRead(compute: () => TargetRows): TargetRows {
  let rows: TargetRows | undefined;
  const read = () => (rows ??= compute());
  return {
    logits: (node) => read().logits(node),
    argmax: (node) => read().argmax(node),
    topK: (node, k) => read().topK(node, k),
  };
}

function commitChain(target: Target, tokens: readonly number[]): void {
  for (let start = 0; start < tokens.length; start += target.maxNodes) {
    const piece = chain(tokens.slice(start, start + target.maxNodes));
    target.forward(piece, 'none');
    target.commit(Int32Array.from(piece.tokens.keys()));
  }
}

/** Rows of every node, copied. Of a tree that is larger than a pass, what is left hangs from committed paths, which are forgotten again. */
function rowsOf(target: Target, tree: DraftTree): TargetRows {
  const logits: Float32Array[] = [];
  const best: Int32Array[] = [];
  /** @param nodes a subtree in the order of the tree, so that its root comes first */
  const read = (nodes: readonly number[]) => {
    const taken = nodes.slice(0, target.maxNodes);
    const rows = target.forward(partOf(tree, taken), 'all');
    for (const [row, node] of taken.entries()) {
      logits[node] = rows.logits(row).slice();
      best[node] = rows.topK(row, Math.min(64, target.vocab));
    }
    const committed = target.length;
    for (const top of nodes.slice(target.maxNodes)) {
      const parent = tree.parents[top]!;
      if (!taken.includes(parent)) continue;
      const path = Array.from(pathTo(tree, parent));
      commitChain(
        target,
        path.slice(path.indexOf(taken[0]!)).map((node) => tree.tokens[node]!),
      );
      read(nodes.filter((node) => pathTo(tree, node).includes(top)));
      target.truncate(committed);
    }
  };
  read([...tree.tokens.keys()]);
  return {
    logits: (node) => logits[node]!,
    argmax: (node) => best[node]![0]!,
    topK: (node, k) => best[node]!.slice(0, k),
  };
}

/** A subtree with its own root. */
function partOf({ tokens, parents }: DraftTree, nodes: readonly number[]): DraftTree {
  return {
    tokens: Int32Array.from(nodes, (node) => tokens[node]!),
    parents: Int32Array.from(nodes, (node, i) => (i === 0 ? -1 : nodes.indexOf(parents[node]!))),
  };
}
