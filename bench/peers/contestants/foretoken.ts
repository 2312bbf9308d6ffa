/**
 * Foretoken itself, as compiled in `build/package/` before its modules are gathered, in Node or a page.
 * @module
 */
import { type Contestant, type Generated, type Job, NotOffered, passTokens } from './contestant.ts';

type BenchModelModule = typeof import('../../../src/cli/bench-model.ts');
type TreeModule = typeof import('../../../src/tree/draft-tree.ts');

type EngineModule = typeof import('../../../src/engine/engine.ts');

/** A name that no type checker follows: it is there only after `npm run build`. */
const built = (path: string): string => new URL(`../../../build/package/${path}`, import.meta.url).href;

/** With the kernels that this build of Foretoken takes for the host. */
export function load(job: Job): Promise<Contestant> {
  return loadForetoken(job);
}

/** @param kernels compiled; default: Foretoken's choice */
export async function loadForetoken(job: Job, kernels?: WebAssembly.Module): Promise<Contestant> {
  const { precision, threads, context, model: source } = job;
  const { BenchModel } = (await import(built('cli/bench-model.js'))) as BenchModelModule;
  const { chain } = (await import(built('tree/draft-tree.js'))) as TreeModule;
  const { createEngine } = (await import(built('engine/engine.js'))) as EngineModule;
  const engine = await createEngine(kernels && { module: kernels });
  const options = { dtype: precision, context, engine, ...(threads > 1 && { threads }) };
  const model = await BenchModel.load(source, options as Parameters<typeof BenchModel.load>[1]).catch(refusal);
  const { session, parts } = model;
  const got = (parts.transformer.plan.options as { readonly threads?: number }).threads ?? 1;
  if (got !== threads) throw new NotOffered(`${threads} threads asked for, ${got} used`);

  async function generate(prompt: readonly number[], maxTokens: number): Promise<Generated> {
    model.forget();
    const { tokens, stats, decodeMs } = await model.run(prompt, { maxTokens, draft: 'none' });
    // The prompt's last token belongs to the first one-token pass, so there are as many passes as tokens.
    const passMs = decodeMs / stats.passes;
    return { tokens, firstMs: stats.prefillMs + passMs, passes: stats.passes - 1, passesMs: decodeMs - passMs };
  }

  async function passes(prompt: readonly number[], sizes: readonly number[]): Promise<number[]> {
    model.forget();
    session.truncate(0);
    for (let start = 0; start < prompt.length; start += session.maxNodes) {
      const piece = chain(prompt.slice(start, start + session.maxNodes));
      session.forward(piece, 'none');
      session.commit(Int32Array.from(piece.tokens.keys()));
    }
    const times = sizes.map((size) => {
      const tree = chain(passTokens(size, session.vocab));
      const start = performance.now();
      session.forward(tree, 'all');
      return performance.now() - start;
    });
    session.truncate(0);
    return times;
  }

  return { details: 'cache f32', generate, passes };
}

/** @throws {NotOffered} where an option is one that this build has not */
function refusal(error: unknown): never {
  const { code, message } = error as { code?: string; message: string };
  throw code?.startsWith('option.') ? new NotOffered(message) : error;
}
