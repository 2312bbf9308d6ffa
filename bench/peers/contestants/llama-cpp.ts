/**
 * node-llama-cpp: native llama.cpp on the processor, its prebuilt library.
 * @module
 */
import { getLlama, type LlamaContextSequence, type Token } from 'node-llama-cpp';
import { SHAPES } from '../../../src/cli/random-model.ts';
import { type Contestant, type Generated, type Job, passTokens } from './contestant.ts';

/** llama.cpp's own batches below the library's face, which cannot give logits without sampling a token at each. */
interface Addon {
  initBatch(size: number): void;
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logitRows: Uint32Array): Uint32Array;
  decodeBatch(): Promise<void>;
  removeTokenCellsFromSequence(sequence: number, start: number, end: number): boolean;
}

export async function load({ shape, threads, context: contextSize, model: modelPath }: Job): Promise<Contestant> {
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' as never });
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({ contextSize, sequences: 1, threads: { ideal: threads, min: threads } });
  const sequence = context.getSequence();
  const addon = (context as unknown as { readonly _ctx: Addon })._ctx;
  const { vocab } = SHAPES[shape]!;

  async function generate(prompt: readonly number[], maxTokens: number): Promise<Generated> {
    await sequence.clearHistory();
    const tokens: number[] = [];
    const start = performance.now();
    let first = start;
    const options = { temperature: 0, yieldEogToken: true };
    for await (const token of sequence.evaluate(prompt as Token[], options)) {
      if (tokens.push(token) === 1) first = performance.now();
      if (tokens.length === maxTokens) break;
    }
    const passesMs = performance.now() - first;
    return { tokens, firstMs: first - start, passes: tokens.length - 1, passesMs };
  }

  /** The context takes one batch of the prompt, and one of each size, each removed again. */
  async function passes(prompt: readonly number[], sizes: readonly number[]): Promise<number[]> {
    await sequence.clearHistory();
    await batch(0, prompt, [prompt.length - 1]);
    const times: number[] = [];
    for (const size of sizes) {
      const tokens = passTokens(size, vocab);
      const start = performance.now();
      await batch(prompt.length, tokens, [...tokens.keys()]);
      times.push(performance.now() - start);
      addon.removeTokenCellsFromSequence(sequenceId(sequence), prompt.length, -1);
    }
    addon.removeTokenCellsFromSequence(sequenceId(sequence), 0, -1);
    return times;
  }

  async function batch(position: number, tokens: readonly number[], rows: readonly number[]): Promise<void> {
    addon.initBatch(tokens.length);
    addon.addToBatch(sequenceId(sequence), position, Uint32Array.from(tokens), Uint32Array.from(rows));
    await addon.decodeBatch();
  }

  return {
    details: `cache ${context.kvCacheKeyType === 1 ? 'f16' : `type ${context.kvCacheKeyType}`}`,
    generate,
    passes,
  };
}

function sequenceId(sequence: LlamaContextSequence): number {
  return (sequence as unknown as { readonly _sequenceId: number })._sequenceId;
}
