/**
 * The tree shape of Token Recycling, "2.2.2" of its authors: 80 nodes below the root, 8 / 21 / 25 / 15 / 8 / 3 on levels 1 to 6.
 * @module
 */

/** Children drawn from one row of the table, best first. */
export const RANKS = 8;

/**
 * Every inner node of the template as the ranks on the way to it, and how many children it has: ranks 0 to that number - 1.
 * Level by level, so that every path comes after its beginning.
 */
const CHILDREN: readonly (readonly [path: string, children: number])[] = [
  ['', 8],
  ...row([8, 4, 3, 2, 1, 1, 1, 1], ''),
  ...row([8, 3, 2, 1, 1, 1, 1, 1], '0'),
  ...row([2, 1], '1'),
  ...row([1], '2'),
  ...row([1], '3'),
  ...row([1], '4'),
  ...row([1], '5'),
  ...row([5, 2, 1, 1, 1], '00'),
  ...row([1], '01'),
  ...row([1], '02'),
  ...row([1], '10'),
  ...row([1], '20'),
  ...row([1], '30'),
  ...row([3, 1, 1], '000'),
  ...row([1], '001'),
  ...row([1], '010'),
  ...row([1], '100'),
  ...row([2, 1], '0000'),
];

/** The children counts of the first children of a path. */
function row(counts: readonly number[], path: string): [path: string, children: number][] {
  return counts.map((children, rank) => [`${path}${rank}`, children]);
}

export interface Template {
  /** (81,) parent of each node; -1 for the root. */
  readonly parents: Int32Array;
  /** (81,) which of its parent's candidates each node is; 0 for the root. */
  readonly ranks: Int32Array;
  /** (81,) each; -1 for none. */
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
}

/** Nodes are numbered breadth-first: level by level, siblings by rank. */
export const TEMPLATE: Template = buildTemplate();

function buildTemplate(): Template {
  const places = new Map([['', 0]]);
  const parents = [-1];
  const ranks = [0];
  for (const [path, children] of CHILDREN) {
    for (let rank = 0; rank < children; rank++) {
      places.set(`${path}${rank}`, parents.length);
      parents.push(places.get(path)!);
      ranks.push(rank);
    }
  }
  return {
    parents: Int32Array.from(parents),
    ranks: Int32Array.from(ranks),
    firstChild: Int32Array.from(parents, (_, node) => parents.indexOf(node)),
    nextSibling: Int32Array.from(parents, (parent, node) => (parents[node + 1] === parent ? node + 1 : -1)),
  };
}
