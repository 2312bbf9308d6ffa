/**
 * Suffix automaton of a growing text: the smallest automaton that reads every part of the text, and nothing else.
 * Source: Blumer et al., "The smallest automaton recognizing the subwords of a text", 1985; for drafting Hu et al., 2024, arXiv 2411.10666.
 *
 *   text  a b a b        a state stands for all parts of the text that end at the same places; `length` is the longest of them, `link` leads to
 *                        the longest of its endings that ends at more places, `firstEnd` is the first of its places.
 *   state of "abab" -> link: state of "ab", length 2, first end 1
 *
 * So the longest end of the text that occurred before is what the link of the newest state stands for: no match has to be followed.
 * A text of L tokens has at most 2 L states and 3 L edges. All are reserved at the start, in typed arrays; appending a token takes amortised O(1).
 * @module
 */

const NONE = -1;
const ROOT = 0;

export class SuffixAutomaton {
  readonly #tokens: Int32Array;
  #length = 0;

  // (states,)
  readonly #lengths: Int32Array;
  readonly #links: Int32Array;
  readonly #firstEnds: Int32Array;
  /** The newest edge of each state. */
  readonly #edgesOf: Int32Array;
  #states = 0;
  #newest = ROOT;

  // (edges,) of a state: a list, for copies; of all states: chains of a hash table, for reading.
  readonly #sources: Int32Array;
  readonly #labels: Int32Array;
  readonly #targets: Int32Array;
  readonly #nextOfState: Int32Array;
  readonly #nextOfSlot: Int32Array;
  readonly #slots: Int32Array;
  readonly #shift: number;
  #edges = 0;

  /** @param capacity most tokens that the text will have; `SuffixAutomaton.bytes` of them are reserved */
  constructor(capacity: number) {
    const states = 2 * capacity + 1;
    const edges = 3 * capacity + 1;
    const bits = slotBits(capacity);
    this.#tokens = new Int32Array(capacity);
    this.#lengths = new Int32Array(states);
    this.#links = new Int32Array(states);
    this.#firstEnds = new Int32Array(states);
    this.#edgesOf = new Int32Array(states);
    this.#sources = new Int32Array(edges);
    this.#labels = new Int32Array(edges);
    this.#targets = new Int32Array(edges);
    this.#nextOfState = new Int32Array(edges);
    this.#nextOfSlot = new Int32Array(edges);
    this.#slots = new Int32Array(1 << bits);
    this.#shift = 32 - bits;
    this.clear();
  }

  /** Memory of an automaton, bytes. */
  static bytes(capacity: number): number {
    return 4 * (capacity + 4 * (2 * capacity + 1) + 5 * (3 * capacity + 1) + (1 << slotBits(capacity)));
  }

  /** Tokens of the text. */
  get length(): number {
    return this.#length;
  }

  /** States in use, the root included: at most 2 `length`, and 1 for the empty text. */
  get states(): number {
    return this.#states;
  }

  token(position: number): number {
    return this.#tokens[position]!;
  }

  clear(): void {
    this.#length = this.#states = this.#edges = 0;
    this.#slots.fill(NONE);
    this.#newest = this.#addState(0, NONE, NONE);
  }

  append(token: number): void {
    const position = this.#length++;
    this.#tokens[position] = token;
    const state = this.#addState(position + 1, position, ROOT);
    let at = this.#newest;
    this.#newest = state;
    for (; at !== NONE; at = this.#links[at]!) {
      const edge = this.#edge(at, token);
      if (edge !== NONE) {
        this.#links[state] = this.#stateEndingThere(at, edge);
        return;
      }
      this.#addEdge(at, token, state);
    }
  }

  /**
   * The state of the longest end of the text that has an earlier occurrence; the root's, of no tokens, where there is none. States are walked
   * with `shorter`.
   */
  get match(): number {
    return this.#links[this.#newest] === NONE ? ROOT : this.#links[this.#newest]!;
  }

  /** Tokens of the longest text that a state stands for. */
  lengthOf(state: number): number {
    return this.#lengths[state]!;
  }

  /** Position of the token after the first occurrence of what a state stands for. */
  nextOf(state: number): number {
    return this.#firstEnds[state]! + 1;
  }

  /** The state of the longest ending that occurs at more places. Of the root: -1. */
  shorter(state: number): number {
    return this.#links[state]!;
  }

  /** What an edge leads to, or a copy of it where that also stands for longer texts: then those keep the state, and the rest the copy. */
  #stateEndingThere(from: number, edge: number): number {
    const token = this.#labels[edge]!;
    const target = this.#targets[edge]!;
    const length = this.#lengths[from]! + 1;
    if (this.#lengths[target] === length) return target;
    const copy = this.#addState(length, this.#firstEnds[target]!, this.#links[target]!);
    for (let e = this.#edgesOf[target]!; e !== NONE; e = this.#nextOfState[e]!) {
      this.#addEdge(copy, this.#labels[e]!, this.#targets[e]!);
    }
    this.#links[target] = copy;
    for (let at = from; at !== NONE; at = this.#links[at]!) {
      const e = this.#edge(at, token);
      if (e === NONE || this.#targets[e] !== target) break;
      this.#targets[e] = copy;
    }
    return copy;
  }

  #addState(length: number, firstEnd: number, link: number): number {
    const state = this.#states++;
    this.#lengths[state] = length;
    this.#firstEnds[state] = firstEnd;
    this.#links[state] = link;
    this.#edgesOf[state] = NONE;
    return state;
  }

  #slot(state: number, token: number): number {
    return Math.imul(Math.imul(state, 0x9e3779b1) ^ token, 0x85ebca6b) >>> this.#shift;
  }

  #edge(state: number, token: number): number {
    let edge = this.#slots[this.#slot(state, token)]!;
    while (edge !== NONE && !(this.#sources[edge] === state && this.#labels[edge] === token)) {
      edge = this.#nextOfSlot[edge]!;
    }
    return edge;
  }

  #addEdge(state: number, token: number, target: number): void {
    const edge = this.#edges++;
    const slot = this.#slot(state, token);
    this.#sources[edge] = state;
    this.#labels[edge] = token;
    this.#targets[edge] = target;
    this.#nextOfState[edge] = this.#edgesOf[state]!;
    this.#nextOfSlot[edge] = this.#slots[slot]!;
    this.#edgesOf[state] = edge;
    this.#slots[slot] = edge;
  }
}

/** About two slots for every three edges: at least twice as many as tokens. */
function slotBits(capacity: number): number {
  return Math.max(4, 33 - Math.clz32(capacity));
}
