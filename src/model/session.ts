/**
 * Session: one KV cache of a model and the passes over it. This is the `Target` that decoding runs on.
 *
 *   slots   0 ... length-1 | length ... length+N-1 | unused
 *           committed      | nodes of the last pass|
 *
 * Committed slot = position. A pass writes its N nodes behind the committed ones; `commit` moves the accepted path together:
 * node indices grow along a path, so rows only ever move down, in order, and rotated keys stay valid because a node's position does
 * not change.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { type DraftTree, depths, rootOnly } from '../tree/draft-tree.ts';
import { loadCache, saveCache } from './cache-snapshot.ts';
import { type CachePlan, MAX_TOP_K } from './memory-plan.ts';
import type { LogitRows, Target, TargetRows } from './target.ts';
import type { PassInput } from './transformer.ts';
import type { TransformerModel } from './transformer-model.ts';

export class Session implements Target {
  readonly vocab: number;
  readonly context: number;
  readonly maxNodes: number;
  /** Undefined once disposed, so that a session does not keep its model's memory. */
  #attached: TransformerModel | undefined;
  /** Where this session keeps its keys and values. */
  readonly cache: CachePlan;
  #length = 0;
  /** Nodes of the last pass, while its path is not committed yet. */
  #pending: Int32Array | undefined;

  constructor(model: TransformerModel, cache: CachePlan) {
    this.#attached = model;
    this.cache = cache;
    this.vocab = model.config.vocab;
    this.context = model.plan.options.context;
    this.maxNodes = model.plan.options.maxNodes;
  }

  get length(): number {
    return this.#length;
  }

  /** @param states (N, D) what the layers read in the place of the tokens' embeddings */
  forward(tree: DraftTree, logitRows: LogitRows, states?: Float32Array): TargetRows {
    const { tokens, parents } = tree;
    return this.#run({ tokens, parents, depths: this.#check(tree), states }, logitRows);
  }

  superpose(tokens: Int32Array, weights: ArrayLike<number>): TargetRows {
    this.#checkSize(tokens.length, weights.length, 'weights');
    for (const token of tokens) this.#check(rootOnly(token));
    return this.#run({ tokens, weights, parents: Int32Array.of(-1), depths: Int32Array.of(0) }, 'last');
  }

  #run(input: Omit<PassInput, 'cache' | 'length'>, logitRows: LogitRows): TargetRows {
    const pass = this.#model.beginPass();
    this.#model.transformer.forward({ ...input, cache: this.cache, length: this.#length }, logitRows);
    this.#pending = input.parents;
    return this.#rows(pass, input.parents.length, logitRows);
  }

  commit(path: Int32Array): void {
    const { transformer } = this.#model;
    const parents = this.#pending;
    if (!parents) throw new ForetokenError('session.commit', 'no pass is waiting for a commit');
    for (let i = 0; i < path.length; i++) {
      if (parents[path[i]!] !== (i === 0 ? -1 : path[i - 1])) {
        throw new ForetokenError(
          'session.commit',
          `node ${path[i]} does not follow node ${i === 0 ? -1 : path[i - 1]} in the last pass`,
        );
      }
    }
    for (let i = 0; i < path.length; i++) {
      if (path[i] !== i) transformer.moveSlot(this.cache, this.#length + path[i]!, this.#length + i);
    }
    this.#length += path.length;
    this.#pending = undefined;
  }

  /** @returns (N, D) hidden states of the last pass's N nodes, behind the final norm; a view that the next pass overwrites */
  hidden(): Float32Array {
    if (!this.#pending) throw new ForetokenError('session.commit', 'no pass is waiting for a commit');
    return this.#model.transformer.hidden(this.#pending.length);
  }

  ready(): Promise<void> {
    return this.#model.machines[0]!.ready();
  }

  truncate(length: number): void {
    void this.#model; // refuses a disposed session
    if (!(Number.isInteger(length) && length >= 0 && length <= this.#length)) {
      throw new ForetokenError('session.truncate', `length ${length}: expected 0..${this.#length}`);
    }
    this.#length = length;
    this.#pending = undefined;
  }

  /**
   * A session with the same committed positions, on a free cache of the model.
   * @throws {ForetokenError} `session.full` when no cache is free
   */
  fork(): Session {
    const model = this.#model;
    const copy = model.session();
    model.copyCache(this.cache, copy.cache);
    copy.#length = this.#length;
    return copy;
  }

  /** The committed positions as bytes; `load` on the same model with the same `dtype` and `kv` restores them, also in another process. */
  save(): Uint8Array {
    return saveCache(this.#model, this.cache, this.#length);
  }

  /**
   * Replaces the committed positions by saved ones.
   * @param positions how many there must be; default: whatever the snapshot holds
   * @throws {ForetokenError} `session.snapshot` when the bytes are not of this model, or do not fit its context
   */
  load(snapshot: Uint8Array, positions?: number): void {
    this.#length = loadCache(this.#model, this.cache, snapshot, positions);
    this.#pending = undefined;
  }

  /** Gives the cache back to the model; every later use of this session is refused. */
  dispose(): void {
    this.#attached?.release(this);
    this.#attached = undefined;
  }

  /** @throws {ForetokenError} `session.disposed` */
  get #model(): TransformerModel {
    if (this.#attached) return this.#attached;
    throw new ForetokenError('session.disposed', 'this session, or its model, has been disposed');
  }

  #check({ tokens, parents }: DraftTree): Int32Array {
    const nodes = tokens.length;
    this.#checkSize(nodes, parents.length, 'parents');
    for (let node = 0; node < nodes; node++) {
      const token = tokens[node]!;
      if (!(token >= 0 && token < this.vocab))
        throw new ForetokenError('tree.token', `node ${node} has token ${token}: expected 0..${this.vocab - 1}`);
    }
    const nodeDepths = depths({ tokens, parents });
    const deepest = nodeDepths.reduce((a, b) => Math.max(a, b));
    if (this.#length + deepest + 1 > this.context) {
      throw new ForetokenError(
        'context.full',
        `${this.#length} positions and ${deepest + 1} more: the context holds ${this.context}`,
      );
    }
    return nodeDepths;
  }

  #checkSize(tokens: number, others: number, name: string): void {
    if (tokens >= 1 && tokens <= this.maxNodes && others === tokens) return;
    throw new ForetokenError(
      'tree.size',
      `${tokens} tokens and ${others} ${name}: expected the same number, 1..${this.maxNodes}`,
    );
  }

  #rows(pass: number, nodes: number, logitRows: LogitRows): TargetRows {
    const model = this.#model;
    const checkPass = () => {
      if (pass !== model.passes) throw new ForetokenError('rows.stale', 'a later pass has overwritten these rows');
    };
    const check = (node: number) => {
      checkPass();
      const first = logitRows === 'all' ? 0 : logitRows === 'last' ? nodes - 1 : nodes;
      if (!(node >= first && node < nodes))
        throw new ForetokenError('rows.missing', `node ${node} has no logits in this pass`);
    };
    return {
      logits(node) {
        check(node);
        return model.transformer.logits(node);
      },
      hidden(node) {
        check(node);
        return model.transformer.stream(node);
      },
      normed() {
        checkPass();
        return model.transformer.hidden(nodes);
      },
      argmax(node) {
        check(node);
        return model.transformer.select(node, 1)[0]!;
      },
      topK(node, k) {
        check(node);
        if (!(k >= 1 && k <= MAX_TOP_K))
          throw new ForetokenError('option.range', `topK of ${k}: expected 1..${MAX_TOP_K}`);
        return model.transformer.select(node, Math.min(k, model.config.vocab)).slice();
      },
    };
  }
}
