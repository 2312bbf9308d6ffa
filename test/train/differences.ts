/**
 * Gradients by differences: what an operation gives back is compared with what its twin in f64 says, a little to either side.
 * @module
 */
import type { Engine } from '../../src/engine/engine.ts';
import type { Batch } from '../../src/train/batch.ts';
import { Graph, type Tensor } from '../../src/train/graph.ts';
import { smoothL1 } from '../../src/train/operations/loss.ts';
import { createTrainer } from '../../src/train/trainer.ts';
import { random, randomFloats, randomInt } from '../numbers.ts';
import { plain } from './engines.ts';
import { type Matrix, matrix, smoothL1 as smoothL1Twin } from './operations.twin.ts';

/** Something to be derived. */
export interface Example {
  /** Rows and columns of each parameter, which are given random numbers. */
  readonly parameters: Readonly<Record<string, readonly [rows: number, cols: number]>>;
  /** Their deviation, where it is not 1. */
  readonly deviation?: number;
  /** What else the graph reads. */
  readonly batch?: Batch;
  /** The output; none where it adds a loss itself. */
  build(graph: Graph, parameters: Readonly<Record<string, Tensor>>): Tensor | undefined;
  /** The same in f64; a number where there is no output. */
  twin(parameters: Readonly<Record<string, Matrix>>): Matrix | number;
}

export interface Outcome {
  /** Largest differences of the output, and of the gradients, in units of the largest number among the twin's. */
  readonly outputError: number;
  readonly gradientErrors: Readonly<Record<string, number>>;
  readonly gradients: Readonly<Record<string, Float32Array>>;
  /** The loss, the output and all gradients, one behind the other: for comparing bits. */
  readonly numbers: Float32Array;
}

/** Wide enough for every difference of an output from its target: the loss is a square there. */
const BETA = 64;
/** Of f64: the error of a difference is its square, and what rounding has over it. */
const STEP = 1e-4;
/** Elements of each parameter that are tried. */
const TRIED = 24;

export async function derive(example: Example, seed: number, engine: Engine = plain, threads = 1): Promise<Outcome> {
  const next = random(seed);
  const graph = new Graph();
  const values: Record<string, Float32Array> = {};
  const tensors: Record<string, Tensor> = {};
  for (const [name, [rows, cols]] of Object.entries(example.parameters)) {
    values[name] = randomFloats(next, rows * cols, example.deviation ?? 1);
    tensors[name] = graph.parameter(name, rows, cols, { initial: values[name] });
  }
  const output = example.build(graph, tensors);
  let target: Float32Array = new Float32Array(0);
  if (output) {
    target = randomFloats(next, output.elements);
    graph.output('output', output);
    smoothL1(output, graph.constant(output.rows, output.cols, target), { beta: BETA });
  }
  const trainer = await createTrainer(graph, { engine, threads });
  const { loss } = trainer.accumulate(example.batch ?? {});

  const lossOf = (changed: Readonly<Record<string, Matrix>>): number => {
    const result = example.twin(changed);
    if (typeof result === 'number') return result;
    const { rows, cols } = result;
    const wanted = matrix(rows, cols, (r, c) => target[r * cols + c]!);
    return smoothL1Twin(result, wanted, BETA, Array(rows).fill(1 / rows));
  };
  const matrices = Object.fromEntries(
    Object.entries(example.parameters).map(([name, [rows, cols]]) => [
      name,
      matrix(rows, cols, (r, c) => values[name]![r * cols + c]!),
    ]),
  );
  const got: Float32Array[] = [Float32Array.of(loss)];
  let outputError = relative([loss], [lossOf(matrices)]);
  if (output) {
    const numbers = trainer.read('output');
    got.push(numbers);
    outputError = Math.max(outputError, relative(numbers, (example.twin(matrices) as Matrix).values));
  }
  const gradientErrors: Record<string, number> = {};
  const gradients: Record<string, Float32Array> = {};
  for (const [name, { values: numbers }] of Object.entries(matrices)) {
    const gradient = trainer.gradient(name);
    gradients[name] = gradient;
    got.push(gradient);
    const tried = Array.from({ length: Math.min(TRIED, numbers.length) }, (_, i) =>
      numbers.length <= TRIED ? i : randomInt(next, numbers.length),
    );
    const wanted = tried.map((i) => {
      const before = numbers[i]!;
      const [above, below] = [STEP, -STEP].map((step) => {
        numbers[i] = before + step;
        return lossOf(matrices);
      }) as [number, number];
      numbers[i] = before;
      return (above - below) / (2 * STEP);
    });
    gradientErrors[name] = relative(
      tried.map((i) => gradient[i]!),
      wanted,
    );
  }
  return { outputError, gradientErrors, gradients, numbers: Float32Array.from(got.flatMap((part) => [...part])) };
}

/** max|got - want| / max|want| */
function relative(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let [error, size] = [0, 1e-12];
  for (let i = 0; i < want.length; i++) {
    const gap = Math.abs(got[i]! - want[i]!);
    if (!(gap <= error)) error = gap; // takes NaN, too
    size = Math.max(size, Math.abs(want[i]!));
  }
  return got.length === want.length ? error / size : Number.POSITIVE_INFINITY;
}
