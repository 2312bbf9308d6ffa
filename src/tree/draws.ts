/**
 * How nodes of a draft tree were drawn, and what becomes of that when trees are merged or made smaller. A tree knows its draws by this alone, so
 * that who never samples needs none of it.
 *
 * A choice among drawn nodes changes their distribution. So who makes trees smaller keeps all of them, or, where it was settled before
 * anything was drawn how deep the tree may be, leaves out all that were drawn below a node.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { bestFirst } from './best-first.ts';
import type { Draw, DraftTree } from './draft-tree.ts';
import type { KeepOrder } from './prune.ts';

export class Draws {
  readonly #draws: readonly (readonly Draw[] | undefined)[];

  /** @param draws for each node those of its children: one entry for each distribution that some were drawn from, in the order in which they are tried */
  constructor(draws: readonly (readonly Draw[] | undefined)[]) {
    this.#draws = draws;
  }

  /** How children of a node were drawn; undefined where all were chosen by rule. */
  at(node: number): readonly Draw[] | undefined {
    return this.#draws[node];
  }

  /**
   * Checks that they are of a tree. What they say of probabilities is checked by the rule that reads it.
   * @throws {ForetokenError} `tree.draws` where they are no lists of draws, or a drawn child is another node's
   */
  check({ parents }: DraftTree): void {
    const refuse = (node: number, message: string) =>
      new ForetokenError('tree.draws', `the draws below node ${node}: ${message}`);
    if (!Array.isArray(this.#draws)) throw refuse(0, 'expected a list for each node');
    this.#draws.forEach((some: unknown, node) => {
      if (some === undefined) return;
      if (!Array.isArray(some)) throw refuse(node, 'expected a list');
      for (const draw of some as (Partial<Draw> | null)[]) {
        if (!(draw?.draftProb instanceof Float64Array) || !(draw.children instanceof Int32Array)) {
          throw refuse(node, 'expected `draftProb`, a Float64Array, and `children`, an Int32Array');
        }
        const foreign = draw.children.find((child) => child < 1 || parents[child] !== node);
        if (foreign !== undefined) throw refuse(node, `node ${foreign} is no child`);
      }
    });
  }

  /**
   * The draws in another tree. Where not all of the children that were drawn are in it, they count no more.
   * @param places (N,) where each node stands there, -1 for nowhere
   * @param before draws that the other tree has already: these are tried after them
   */
  moved(places: Int32Array, before?: Draws): Draws {
    const draws = before ? [...before.#draws] : [];
    this.#draws.forEach((some = [], node) => {
      const isWhole = some.every(({ children }) => children.every((child) => places[child]! >= 0));
      if (some.length === 0 || !isWhole) return;
      const there = some.map(({ draftProb, children }) => ({
        draftProb,
        children: children.map((child) => places[child]!),
      }));
      draws[places[node]!] = [...(draws[places[node]!] ?? []), ...there];
    });
    return new Draws(draws);
  }

  /** As `keepOrder` of prune.ts, which says what it is. */
  keepOrder({ parents }: DraftTree, joint: Float64Array): KeepOrder {
    const stays = new Uint8Array(parents.length);
    stays[0] = 1;
    for (const { children } of this.#draws.flatMap((some) => some ?? [])) {
      for (let node of children) for (; !stays[node]; node = parents[node]!) stays[node] = 1;
    }
    // A joint score is at most 1.
    const order = bestFirst(joint.map((score, node) => score + 2 * stays[node]!));
    return { order, least: stays.reduce((a, b) => a + b) };
  }
}
