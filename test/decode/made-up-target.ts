/**
 * Small made-up languages, and a target that speaks one of them: what decoding is developed and tested against.
 * @module
 */
import type { LogitRows, Target, TargetRows } from '../../src/model/target.ts';
import { depths, type DraftTree } from '../../src/tree/draft-tree.ts';
import { random } from '../numbers.ts';

/** Logits after a path, prompt included. */
export type Language = (path: readonly number[]) => Float32Array;

/**
 * Logits that depend mostly on the last `order` tokens, so that drafters can learn them, and a little on every token of the path in
 * its place, so that a wrong or misplaced token anywhere changes all bits after it.
 *
 * @param spread of the part that can be learnt, and `wander` of the part that cannot
 */
export function madeUpLanguage(seed: number, vocab: number, { order = 2, spread = 6, wander = 0.5 } = {}): Language {
  const rows = new Map<number, Float32Array>();
  const row = (key: number): Float32Array => {
    let values = rows.get(key);
    if (!values) {
      const next = random(key);
      rows.set(key, (values = Float32Array.from({ length: vocab }, () => next() - 0.5)));
    }
    return values;
  };
  return (path) => {
    const learnable = row(hash(path.slice(-order), seed));
    const rest = random(hash(path, seed + 1));
    return learnable.map((value) => spread * value + wander * (rest() - 0.5));
  };
}

/** FNV-1a over tokens. */
function hash(tokens: readonly number[], seed: number): number {
  let state = 0x811c9dc5 ^ seed;
  for (const token of tokens) state = Math.imul(state ^ (token + 1), 0x01000193) >>> 0;
  return state >>> 0;
}

/** After each token the same one follows, whatever stood before: logits fall from it by one for each id, around the vocabulary. */
export function orderOneLanguage(vocab: number, successor: (token: number) => number): Language {
  return (path) => {
    const best = successor(path[path.length - 1]!);
    return Float32Array.from({ length: vocab }, (_, id) => -((id - best + vocab) % vocab));
  };
}

/** Says a fixed text after a prompt; off the text, it says the token that follows its last token in the vocabulary. */
export function recitation(vocab: number, prompt: readonly number[], text: readonly number[]): Language {
  const whole = [...prompt, ...text];
  return (path) => {
    const onText = path.every((token, i) => token === whole[i]) && path.length < whole.length;
    const best = onText ? whole[path.length]! : (path[path.length - 1]! + 1) % vocab;
    return Float32Array.from({ length: vocab }, (_, id) => (id === best ? 8 : -((id - best + vocab) % vocab) / vocab));
  };
}

export interface TargetSizes {
  readonly vocab: number;
  readonly context?: number;
  readonly maxNodes?: number;
  /** Each pass keeps the processor busy for so long. */
  readonly passMs?: number;
}

/** What happened to a target, in order. */
export type Event =
  | { readonly kind: 'forward'; readonly nodes: number; readonly logitRows: LogitRows }
  | { readonly kind: 'commit'; readonly tokens: readonly number[] }
  | { readonly kind: 'truncate'; readonly length: number };

/**
 * Keeps tokens in slots as a model keeps keys and values: a pass writes its nodes behind the committed slots, `commit` moves a path together, and
 * logits come from what the slots hold. Misuse throws.
 */
export class MadeUpTarget implements Target {
  readonly vocab: number;
  readonly context: number;
  readonly maxNodes: number;
  readonly events: Event[] = [];
  readonly #language: Language;
  readonly #passMs: number;
  readonly #slots: number[] = [];
  #length = 0;
  #pass = 0;
  #pending: DraftTree | undefined;

  constructor(language: Language, { vocab, context = 256, maxNodes = 32, passMs = 0 }: TargetSizes) {
    this.#language = language;
    this.vocab = vocab;
    this.context = context;
    this.maxNodes = maxNodes;
    this.#passMs = passMs;
  }

  get length(): number {
    return this.#length;
  }

  /** Tokens of the committed slots. */
  get committed(): number[] {
    return this.#slots.slice(0, this.#length);
  }

  /** Nodes of each pass that gave logits. */
  get passes(): number[] {
    return this.events.flatMap((event) =>
      event.kind === 'forward' && event.logitRows !== 'none' ? [event.nodes] : [],
    );
  }

  forward(tree: DraftTree, logitRows: LogitRows): TargetRows {
    const nodes = tree.tokens.length;
    const nodeDepths = depths(tree);
    if (nodes > this.maxNodes) throw new Error(`${nodes} nodes in a pass of at most ${this.maxNodes}`);
    if (this.#length + Math.max(...nodeDepths) + 1 > this.context) throw new Error('a pass beyond the context');
    const until = performance.now() + this.#passMs;
    while (performance.now() < until);
    this.#slots.length = this.#length;
    this.#slots.push(...tree.tokens);
    this.#pending = tree;
    this.events.push({ kind: 'forward', nodes, logitRows });
    return this.#rows(tree, logitRows, ++this.#pass, this.committed);
  }

  commit(path: Int32Array): void {
    const tree = this.#pending;
    if (!tree) throw new Error('a commit without a pass');
    if (path.some((node, i) => tree.parents[node] !== (i === 0 ? -1 : path[i - 1])))
      throw new Error(`no path: ${path}`);
    const tokens = Array.from(path, (node) => this.#slots[this.#length + node]!);
    tokens.forEach((token, i) => {
      this.#slots[this.#length + i] = token;
    });
    this.#length += path.length;
    this.#pending = undefined;
    this.events.push({ kind: 'commit', tokens });
  }

  truncate(length: number): void {
    if (length > this.#length) throw new Error(`truncated to ${length} of ${this.#length}`);
    this.#length = length;
    this.#pending = undefined;
    this.events.push({ kind: 'truncate', length });
  }

  #rows(tree: DraftTree, logitRows: LogitRows, pass: number, committed: readonly number[]): TargetRows {
    const logits = (node: number): Float32Array => {
      if (pass !== this.#pass) throw new Error('rows of an earlier pass');
      if (logitRows === 'none' || (logitRows === 'last' && node !== tree.tokens.length - 1))
        throw new Error('no such row');
      const path: number[] = [];
      for (let at = node; at >= 0; at = tree.parents[at]!) path.unshift(tree.tokens[at]!);
      return this.#language([...committed, ...path]);
    };
    return {
      logits,
      argmax: (node) => largest(logits(node)),
      topK: (node, k) => descending(logits(node)).subarray(0, k),
    };
  }
}

/** Id of the largest value; ties go to the lowest id. */
export function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let id = 1; id < values.length; id++) if (values[id]! > values[best]!) best = id;
  return best;
}

/** All ids, largest value first, ties to the lowest id. */
export function descending(values: ArrayLike<number>): Int32Array {
  return Int32Array.from({ length: values.length }, (_, id) => id).sort((a, b) => values[b]! - values[a]! || a - b);
}

/** Plain greedy decoding, written without the loop: the tokens after a prompt. */
export function greedyTokens(language: Language, prompt: readonly number[], count: number): number[] {
  const path = [...prompt];
  while (path.length < prompt.length + count) path.push(largest(language(path)));
  return path.slice(prompt.length);
}

/** A prompt of random tokens. */
export function randomPrompt(next: () => number, length: number, vocab: number): number[] {
  return Array.from({ length }, () => Math.floor(next() * vocab));
}
