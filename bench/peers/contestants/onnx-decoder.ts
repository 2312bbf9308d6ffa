/**
 * Decoding with an onnxruntime session of the graph in formats/onnx.ts: the same loop for the native and the wasm build.
 * @module
 */
import { SHAPES } from '../../../src/cli/random-model.ts';
import { argmax, type Contestant, type Generated, passTokens } from './contestant.ts';

/** What is used of a tensor and of a session; both builds share onnxruntime-common. */
interface OnnxTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
}
type Tensors = Record<string, OnnxTensor>;
interface OnnxSession {
  run(feeds: Tensors): Promise<Tensors>;
}
/** `new Tensor(type, data, dims)`, as both packages export it. */
type TensorConstructor = new (type: string, data: unknown, dims: readonly number[]) => OnnxTensor;

export interface OnnxParts {
  readonly session: unknown;
  readonly Tensor: unknown;
  readonly shape: string;
}

/** A cache is what a pass gave out, and goes into the next one. */
interface Cache {
  readonly length: number;
  readonly tensors: Tensors;
}

export function onnxDecoder({ session: anySession, Tensor: AnyTensor, shape }: OnnxParts): Contestant {
  const session = anySession as OnnxSession;
  const Tensor = AnyTensor as TensorConstructor;
  const { layers, kvHeads, headDim, vocab } = SHAPES[shape]!;

  const empty: Cache = { length: 0, tensors: {} };
  for (let layer = 0; layer < layers; layer++) {
    for (const end of ['key', 'value']) {
      empty.tensors[`past_${end}_${layer}`] = new Tensor('float32', new Float32Array(0), [1, kvHeads, 0, headDim]);
    }
  }

  /** @param firstRow logits are computed from this token on */
  async function pass(cache: Cache, tokens: readonly number[], firstRow: number): Promise<[Float32Array, Cache]> {
    const total = cache.length + tokens.length;
    const results = await session.run({
      ...cache.tensors,
      input_ids: new Tensor('int64', BigInt64Array.from(tokens, BigInt), [1, tokens.length]),
      seqlens_k: new Tensor('int32', Int32Array.of(total - 1), [1]),
      total_length: new Tensor('int32', Int32Array.of(total), []),
      first_row: new Tensor('int64', BigInt64Array.of(BigInt(firstRow)), [1]),
    });
    const next: Tensors = {};
    for (const name in cache.tensors) next[name] = results[name.replace('past', 'present')]!;
    return [results.logits!.data as Float32Array, { length: total, tensors: next }];
  }

  async function generate(prompt: readonly number[], maxTokens: number): Promise<Generated> {
    const start = performance.now();
    let [logits, cache] = await pass(empty, prompt, prompt.length - 1);
    const tokens = [argmax(logits)];
    const first = performance.now();
    while (tokens.length < maxTokens) {
      [logits, cache] = await pass(cache, tokens.slice(-1), 0);
      tokens.push(argmax(logits));
    }
    return { tokens, firstMs: first - start, passes: maxTokens - 1, passesMs: performance.now() - first };
  }

  async function passes(prompt: readonly number[], sizes: readonly number[]): Promise<number[]> {
    const [, cache] = await pass(empty, prompt, prompt.length - 1);
    const times: number[] = [];
    for (const size of sizes) {
      const start = performance.now();
      await pass(cache, passTokens(size, vocab), 0);
      times.push(performance.now() - start);
    }
    return times;
  }

  return { details: 'cache f32', generate, passes };
}
