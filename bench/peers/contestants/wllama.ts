/**
 * @wllama/wllama: llama.cpp compiled to wasm, in a page. It takes text only (see `tokenText`), gives logits of the last token only, and
 * its times are those that its server states: what its own messages cost is left out, to its favour.
 * @module
 */
import { type RawCompletionResponse, Wllama } from '@wllama/wllama';
import { tokenText } from '../formats/token-text.ts';
import { type Contestant, type Generated, type Job, passTokens } from './contestant.ts';

const WASM = new URL('../node_modules/@wllama/wllama/esm/wasm/wllama.wasm', import.meta.url).href;

/** What the server says of a request. */
interface Timings {
  readonly prompt_n: number;
  readonly prompt_ms: number;
  readonly predicted_n: number;
  readonly predicted_ms: number;
}

export async function load({ threads, context, model }: Job): Promise<Contestant> {
  const wllama = new Wllama({ default: WASM }, { suppressNativeLog: true });
  await wllama.loadModel([await (await fetch(model)).blob()], { n_ctx: context, n_threads: threads, n_gpu_layers: 0 });
  const vocab = wllama.getLoadedContextInfo().n_vocab;

  async function complete(prompt: readonly number[], maxTokens: number, keep: boolean): Promise<[string, Timings]> {
    // Names of llama.cpp's server, passed on as they are.
    const server = { cache_prompt: keep, ignore_eos: true };
    const response: RawCompletionResponse = await wllama.createCompletion({
      prompt: prompt.map(tokenText).join(''),
      max_tokens: maxTokens,
      temperature: 0,
      ...server,
    });
    return [response.choices[0]!.text, response.timings as unknown as Timings];
  }

  async function generate(prompt: readonly number[], maxTokens: number): Promise<Generated> {
    const [text, times] = await complete(prompt, maxTokens, false);
    if (times.prompt_n !== prompt.length)
      throw new Error(`expected ${prompt.length} prompt tokens, ran ${times.prompt_n}`);
    const tokens = [...text.matchAll(/<(\w+)>/g)].map(([, token]) => Number(token));
    // The first token comes with the prompt: one pass less than tokens.
    return { tokens, firstMs: times.prompt_ms, passes: times.predicted_n - 1, passesMs: times.predicted_ms };
  }

  /** What comes after a prompt that is in the cache is a pass of its own. */
  async function passes(prompt: readonly number[], sizes: readonly number[]): Promise<number[]> {
    await complete(prompt, 1, false);
    const times: number[] = [];
    for (const size of sizes) {
      // Another first token for each size: nothing of the size before is in the cache.
      const tokens = passTokens(size, vocab).map((token, i) => (i === 0 ? (token + size * 13) % vocab : token));
      const [, { prompt_n, prompt_ms }] = await complete([...prompt, ...tokens], 1, true);
      if (prompt_n !== size) throw new Error(`expected a pass of ${size} tokens, got one of ${prompt_n}`);
      times.push(prompt_ms);
    }
    return times;
  }

  return { details: 'cache f16; last row of logits only', generate, passes };
}
