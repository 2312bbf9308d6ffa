/**
 * The draft maker of ADED: a tree search over tri-grams, which spends its visits where the text is likely to go on.
 * Source: "Adaptive Draft-Verification for Efficient Large Language Model Decoding", Liu et al., 2024, arXiv 2407.12021.
 *
 *   select   from the root down, the child of largest  W/N + (32 + ln((Np + 9) / 8)) P sqrt(Np) / (1 + N); one without visits comes first
 *   expand   a leaf gets all successors of its pair as children
 *   roll out successors drawn by weight, until the path has 4 states
 *   reward   1 + the weights on the path; it goes to every node of the tree on the way
 *
 * Where the paper's code leaves an order to a hash map, children stand by falling weight, then id, and the search goes on from the first.
 * @module
 */
import { SUCCESSORS, type TrigramTable } from './trigram-table.ts';

/**
 * `intended`: the weight of each tri-gram on the path. `published`: what the authors' code looks up, the second token of a pair as its own
 * successor, which is hardly ever there, so that their figures come of priors and visits alone.
 */
export type Reward = 'intended' | 'published';

const ITERATIONS = 150;
/** Tokens of a path below the root. */
const PATH = 3;
const EXPLORE_1 = 32;
const EXPLORE_2 = 8;
const MOST_NODES = 1 + ITERATIONS * SUCCESSORS;

export class TrigramSearch {
  readonly #table: TrigramTable;
  readonly #reward: Reward;
  // (MOST_NODES,) node 0 is the root; children of a node lie side by side, after it.
  readonly #parents = new Int32Array(MOST_NODES);
  readonly #entries = new Int32Array(MOST_NODES);
  readonly #firsts = new Int32Array(MOST_NODES);
  readonly #seconds = new Int32Array(MOST_NODES);
  readonly #depths = new Uint8Array(MOST_NODES);
  readonly #firstChild = new Int32Array(MOST_NODES);
  readonly #children = new Uint8Array(MOST_NODES);
  readonly #visits = new Int32Array(MOST_NODES);
  readonly #rewards = new Float64Array(MOST_NODES);
  /** sqrt and logarithm of the formula, by visits of the parent. */
  readonly #explore = Float64Array.from(
    { length: ITERATIONS + 1 },
    // Host Math may differ in the last bit: it decides what is drafted, never what is said.
    (_, visits) => (EXPLORE_1 + Math.log((visits + EXPLORE_2 + 1) / EXPLORE_2)) * Math.sqrt(visits),
  );
  #nodes = 0;
  #random = 1;

  constructor(table: TrigramTable, reward: Reward = 'intended') {
    this.#table = table;
    this.#reward = reward;
  }

  /** Memory of a search, bytes. */
  static get bytes(): number {
    return MOST_NODES * (6 * 4 + 2 + 8) + (ITERATIONS + 1) * 8;
  }

  /** Rollouts after this are those of a search with the same seed. @param seed 1..2^32 - 1 */
  restart(seed: number): void {
    this.#random = seed;
  }

  /** Searches below the pair of the last two tokens; earlier results are gone. */
  run(first: number, second: number): void {
    this.#nodes = 0;
    this.#add(-1, -1, first, second, 0);
    for (let i = 0; i < ITERATIONS; i++) {
      let node = this.#select();
      if (this.#depths[node]! < PATH && this.#expand(node)) node = this.#firstChild[node]!;
      this.#backUp(node);
    }
  }

  /** Nodes that were visited, most visits first, a parent before its children, without the root. */
  visited(): number[] {
    const nodes: number[] = [];
    for (let node = 1; node < this.#nodes; node++) if (this.#visits[node]! > 0) nodes.push(node);
    return nodes.sort((x, y) => this.#visits[y]! - this.#visits[x]! || x - y);
  }

  visits(node: number): number {
    return this.#visits[node]!;
  }

  /** -1 for the root. */
  parent(node: number): number {
    return this.#parents[node]!;
  }

  /** Of the table: the successor that a node stands for. */
  entry(node: number): number {
    return this.#entries[node]!;
  }

  first(node: number): number {
    return this.#firsts[node]!;
  }

  second(node: number): number {
    return this.#seconds[node]!;
  }

  #add(parent: number, entry: number, first: number, second: number, depth: number): void {
    const node = this.#nodes++;
    this.#parents[node] = parent;
    this.#entries[node] = entry;
    this.#firsts[node] = first;
    this.#seconds[node] = second;
    this.#depths[node] = depth;
    this.#children[node] = 0;
    this.#visits[node] = 0;
    this.#rewards[node] = 0;
  }

  #select(): number {
    let node = 0;
    while (this.#children[node]! > 0) {
      const explore = this.#explore[this.#visits[node]!]!;
      const start = this.#firstChild[node]!;
      let best = start;
      let most = -1;
      for (let child = start; child < start + this.#children[node]!; child++) {
        const visits = this.#visits[child]!;
        if (visits === 0) {
          best = child;
          break;
        }
        const prior = this.#table.weight(this.#entries[child]!);
        const score = this.#rewards[child]! / visits + (explore * prior) / (1 + visits);
        if (score > most) {
          most = score;
          best = child;
        }
      }
      node = best;
    }
    return node;
  }

  /** @returns false where the pair has no successors */
  #expand(node: number): boolean {
    const table = this.#table;
    const second = this.#seconds[node]!;
    const pair = table.find(this.#firsts[node]!, second);
    const size = pair < 0 ? 0 : table.size(pair);
    if (size === 0) return false;
    const start = this.#nodes;
    for (let i = 0; i < size; i++) {
      const entry = table.entry(pair, i);
      this.#add(node, entry, second, table.token(entry), this.#depths[node]! + 1);
      this.#sink(start);
    }
    this.#firstChild[node] = start;
    this.#children[node] = size;
    return true;
  }

  /** Puts the newest node in its place among those from `start` on: by falling weight, then id. */
  #sink(start: number): void {
    const table = this.#table;
    const entry = this.#entries[this.#nodes - 1]!;
    const token = table.token(entry);
    let place = this.#nodes - 1;
    for (; place > start; place--) {
      const other = this.#entries[place - 1]!;
      const heavier = table.weight(other) - table.weight(entry) || token - table.token(other);
      if (heavier >= 0) break;
      this.#entries[place] = other;
      this.#seconds[place] = table.token(other);
    }
    this.#entries[place] = entry;
    this.#seconds[place] = token;
  }

  /** Rolls out from a node, and gives the reward to it and all above it. */
  #backUp(node: number): void {
    let reward = 1 + this.#rollout(node);
    for (let at = node; at > 0; at = this.#parents[at]!) {
      reward += this.#worth(this.#firsts[this.#parents[at]!]!, this.#firsts[at]!, this.#seconds[at]!);
    }
    for (let at = node; at >= 0; at = this.#parents[at]!) {
      this.#visits[at]!++;
      this.#rewards[at]! += reward;
    }
  }

  #rollout(node: number): number {
    const table = this.#table;
    let first = this.#firsts[node]!;
    let second = this.#seconds[node]!;
    let sum = 0;
    for (let depth = this.#depths[node]!; depth < PATH; depth++) {
      const pair = table.find(first, second);
      if (pair < 0 || table.size(pair) === 0) break;
      const token = table.token(this.#draw(pair));
      sum += this.#worth(first, second, token);
      first = second;
      second = token;
    }
    return sum;
  }

  #worth(first: number, second: number, token: number): number {
    return this.#table.weightOf(first, second, this.#reward === 'intended' ? token : second);
  }

  /** A successor, with probability proportional to its weight. */
  #draw(pair: number): number {
    const table = this.#table;
    const size = table.size(pair);
    let total = 0;
    for (let i = 0; i < size; i++) total += table.weight(table.entry(pair, i));
    let left = this.#uniform() * total;
    for (let i = 0; i < size - 1; i++) {
      left -= table.weight(table.entry(pair, i));
      if (left < 0) return table.entry(pair, i);
    }
    return table.entry(pair, size - 1);
  }

  /** xorshift32 of Marsaglia, 2003: [0, 1). */
  #uniform(): number {
    let x = this.#random;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#random = x;
    return (x >>> 0) / 4294967296;
  }
}
