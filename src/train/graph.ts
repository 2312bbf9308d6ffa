/**
 * Graph: what is computed from a batch, written down before there is any memory. A trainer plans it, and then runs it batch after batch.
 *
 *   inputs, parameters ──► operations, in the order in which they were written ──► losses
 *
 * Everything is a matrix of f32, (rows, cols), with a fixed size; a vector is one row. What an operation computes, and what comes back through it,
 * is in src/train/operations, a file for each kind.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';

/** A matrix of a graph. */
export class Tensor {
  readonly graph: Graph;
  readonly rows: number;
  readonly cols: number;
  /** What computes it; undefined for parameters, inputs and constants. */
  readonly operation: Operation | undefined;
  /** Whether a gradient comes to it, if there is a loss behind it. */
  readonly trained: boolean;
  /** Where its numbers lie: in this tensor, of which it is another view. */
  readonly base: Tensor;

  /** @internal Tensors are made by a graph and by operations. */
  constructor(graph: Graph, rows: number, cols: number, from: TensorOrigin = {}) {
    for (const [name, size] of Object.entries({ rows, cols })) {
      if (!(Number.isInteger(size) && size >= 1 && size <= MOST)) {
        throw new ForetokenError('train.shape', `${name} of ${size}: expected an integer, 1..${MOST}`);
      }
    }
    this.graph = graph;
    this.rows = rows;
    this.cols = cols;
    this.operation = from.operation;
    this.trained = from.trained ?? from.operation?.inputs.some(({ trained }) => trained) ?? false;
    this.base = from.base?.base ?? this;
  }

  get elements(): number {
    return this.rows * this.cols;
  }

  /** "3 x 4", for messages. */
  get size(): string {
    return `${this.rows} x ${this.cols}`;
  }
}

interface TensorOrigin {
  readonly operation?: Operation;
  readonly trained?: boolean;
  readonly base?: Tensor;
}

/** Most rows or columns: products of two are exact, and no array is beyond a memory. */
const MOST = 2 ** 26;

/** Integers of a batch: tokens, labels, positions. -1 stands for nothing: a row of zeros, or a label that does not count. */
export interface Ids {
  readonly graph: Graph;
  readonly name: string;
  readonly rows: number;
  /** They are below this. */
  readonly limit: number;
}

/** Which rows of a batch see which: segments of equally many rows, of which each sees its path from a root. */
export interface Mask {
  readonly graph: Graph;
  /** Of the input that gives the parent of each row; undefined where every row sees those before it. */
  readonly name: string | undefined;
  readonly segments: number;
  /** Rows of a segment. */
  readonly rows: number;
}

/** How a parameter begins: as these numbers, all of one, or uniform with a mean of 0 and this deviation, from the trainer's seed. */
export type Initial = Float32Array | number | { readonly deviation: number };

export interface ParameterOptions {
  /** Default: zeros, to be set before the first step. */
  readonly initial?: Initial;
  /** It is used, and never changed. */
  readonly frozen?: boolean;
}

/** One kind of thing that is done to tensors, forward and backward. */
export interface Operation {
  /** Tensors that it takes, each of which may be given a gradient. */
  readonly inputs: readonly Tensor[];
  /** Those of them whose numbers `backward` reads. */
  readonly reads: readonly Tensor[];
  /** Bytes of scratch that it takes, on so many threads. */
  readonly scratchBytes?: (threads: number) => number;
  forward(write: Writer, output: Tensor): void;
  /** Adds to the gradients of inputs what the gradient of the output comes to. */
  backward(write: Writer, output: Tensor): void;
}

/** An operation that ends in a number for each row, and gives the gradients of its inputs with it. */
export interface Loss {
  readonly name: string;
  /** Tensors that it gives a gradient, which are trained, and all that it reads. */
  readonly inputs: readonly Tensor[];
  readonly reads: readonly Tensor[];
  /** Rows, and losses. */
  readonly rows: number;
  readonly scratchBytes?: (threads: number) => number;
  /** @param losses address of (rows,) f32 */
  write(write: Writer, losses: number): void;
}

/** Where a gradient goes: `keep` is 0 when it is written over what lies there, and -1 when it is added; see opcodes.ts. */
export interface Into {
  /** 0 where nobody wants it. */
  readonly address: number;
  readonly keep: 0 | -1;
}

/** What operations write a program with. */
export interface Writer {
  /** Byte address of the scratch. */
  readonly scratch: number;
  /** Appends an op; operands as in opcodes.ts. */
  push(opcode: number, ...operands: readonly number[]): void;
  /** Byte address of a tensor's numbers, or of an input of integers. */
  at(x: Tensor | Ids): number;
  /** Byte addresses of a mask: paths, depths. */
  mask(mask: Mask): readonly [paths: number, depths: number];
  /** Byte address of the gradient that has come to an output. */
  gradient(output: Tensor): number;
  /** Where the next part of an input's gradient goes. To be asked once for each part, just before the op that gives it. */
  into(input: Tensor): Into;
  /** The same for an op that only adds. */
  onto(input: Tensor): number;
}

/** What is computed from a batch. */
export class Graph {
  /** @internal */
  readonly parameters = new Map<string, { readonly tensor: Tensor; readonly initial: Initial }>();
  /** @internal */
  readonly inputs = new Map<string, Tensor | Ids | Mask>();
  /** @internal */
  readonly constants = new Map<Tensor, Float32Array>();
  /** @internal */
  readonly masks = new Set<Mask>();
  /** @internal Operations, and the losses between them. */
  readonly steps: (Tensor | Loss)[] = [];
  /** @internal */
  readonly outputs = new Map<string, Tensor>();
  readonly #names = new Set<string>();

  /**
   * A matrix that training changes; a vector has one row.
   * @throws {ForetokenError} `train.name` for a name given twice; `train.shape`
   */
  parameter(name: string, rows: number, cols: number, { initial = 0, frozen = false }: ParameterOptions = {}): Tensor {
    const tensor = new Tensor(this, rows, cols, { trained: !frozen });
    if (initial instanceof Float32Array && initial.length !== tensor.elements) {
      throw new ForetokenError('train.shape', `parameter ${quote(name)}: ${initial.length} numbers for ${tensor.size}`);
    }
    this.parameters.set(this.#take(name), { tensor, initial });
    return tensor;
  }

  /** Numbers of a batch that no gradient is wanted of: hidden states, teacher logits, weights of rows. */
  input(name: string, rows: number, cols: number): Tensor {
    const tensor = new Tensor(this, rows, cols);
    this.inputs.set(this.#take(name), tensor);
    return tensor;
  }

  /** Integers of a batch, -1..limit - 1. */
  ids(name: string, rows: number, limit: number): Ids {
    new Tensor(this, rows, limit); // checks the sizes
    const ids: Ids = { graph: this, name: this.#take(name), rows, limit };
    this.inputs.set(name, ids);
    return ids;
  }

  /** Numbers that never change. */
  constant(rows: number, cols: number, values: Float32Array): Tensor {
    const tensor = new Tensor(this, rows, cols);
    if (values.length !== tensor.elements) {
      throw new ForetokenError('train.shape', `a constant has ${values.length} numbers for ${tensor.size}`);
    }
    this.constants.set(tensor, values.slice());
    return tensor;
  }

  /** Segments of `rows` rows, of which each sees those before it, and itself. */
  causal(segments: number, rows: number): Mask {
    return this.#mask(undefined, segments, rows);
  }

  /** Segments of `rows` rows, whose paths a batch gives: of each row its parent, an earlier row of its segment counted from 0, or -1 for a root. */
  tree(name: string, segments: number, rows: number): Mask {
    const mask = this.#mask(this.#take(name), segments, rows);
    this.inputs.set(name, mask);
    return mask;
  }

  #mask(name: string | undefined, segments: number, rows: number): Mask {
    new Tensor(this, segments, rows); // checks the sizes
    const mask: Mask = { graph: this, name, segments, rows };
    this.masks.add(mask);
    return mask;
  }

  /** Names a tensor whose numbers are to be read after a batch: `trainer.read(name)`. */
  output(name: string, tensor: Tensor): void {
    this.#own(tensor);
    this.outputs.set(this.#take(name), tensor);
  }

  /** @internal Appends an operation. */
  apply(operation: Operation, rows: number, cols: number): Tensor {
    for (const input of operation.inputs) this.#own(input);
    const tensor = new Tensor(this, rows, cols, { operation });
    this.steps.push(tensor);
    return tensor;
  }

  /** @internal Appends a loss; the batch's is the sum of all. */
  addLoss(loss: Loss): void {
    for (const input of [...loss.inputs, ...loss.reads]) this.#own(input);
    if (!loss.inputs.some(({ trained }) => trained)) {
      throw new ForetokenError('train.graph', `nothing that is trained has a part in the loss ${quote(loss.name)}`);
    }
    this.#take(loss.name);
    this.steps.push(loss);
  }

  #own({ graph }: Tensor): void {
    if (graph !== this) throw new ForetokenError('train.graph', 'a tensor of another graph');
  }

  #take(name: string): string {
    if (this.#names.has(name)) throw new ForetokenError('train.name', `the name ${quote(name)} is taken`);
    this.#names.add(name);
    return name;
  }
}

/** @throws {ForetokenError} `train.shape`, with what the operation wants, unless it holds */
export function expectShape(holds: boolean, what: string): void {
  if (!holds) throw new ForetokenError('train.shape', what);
}
