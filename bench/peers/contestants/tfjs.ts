/**
 * @tensorflow/tfjs-backend-wasm: no transformer comes with it, so only the matrix products of a pass are run, in f32, each weight of its own.
 * What it takes for them is the least that a model built on it could take.
 * @module
 */
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-wasm';
import { SHAPES, type Shape } from '../../../src/cli/random-model.ts';
import { type Contestant, type Job, NotOffered } from './contestant.ts';

export async function load({ shape: name, precision, threads }: Job): Promise<Contestant> {
  if (precision !== 'f32') throw new NotOffered('tfjs has f32 products only');
  if (threads > 1) throw new NotOffered('tfjs stays at one thread in Node');
  await tf.setBackend('wasm');
  const shape = SHAPES[name]!;
  const layers = Array.from({ length: shape.layers }, () => layerSizes(shape).map(randomWeight));
  const head = randomWeight([shape.hidden, shape.vocab]);
  const inputs = (rows: number) =>
    new Map(
      [...new Set(layerSizes(shape).map(([cols]) => cols))].map((cols) => [cols, tf.ones([rows, cols]) as tf.Tensor2D]),
    );

  async function passes(_prompt: readonly number[], sizes: readonly number[]): Promise<number[]> {
    return sizes.map((size) => {
      const input = inputs(size);
      const multiply = (weight: tf.Tensor2D) => tf.matMul(input.get(weight.shape[0])!, weight).dispose();
      const start = performance.now();
      for (const weight of layers.flat()) multiply(weight);
      multiply(head);
      const ms = performance.now() - start;
      for (const tensor of input.values()) tensor.dispose();
      return ms;
    });
  }

  return { details: 'matrix products only', passes };
}

/** (inputs, outputs) of a layer's products: query, key and value together; output; gate and up together; down. */
function layerSizes({ hidden, intermediate, queryHeads, kvHeads, headDim }: Shape): [number, number][] {
  return [
    [hidden, (queryHeads + 2 * kvHeads) * headDim],
    [queryHeads * headDim, hidden],
    [hidden, 2 * intermediate],
    [intermediate, hidden],
  ];
}

function randomWeight([inputs, outputs]: [number, number]): tf.Tensor2D {
  return tf.randomUniform([inputs, outputs], -0.03, 0.03);
}
