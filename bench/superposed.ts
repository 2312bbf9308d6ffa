/**
 * How good are superposed completions beside samples and the greedy text, and what do they cost?
 * Usage: node bench/superposed.ts [--model foretoken-code] [--dtype q8] [--prompts 40] [--prefix 48] [--max-tokens 10] [--counts 3,8] [--rounds 5]
 *   [--store FILES] [--tokens 96] [--out FILE]
 *
 * Quality: perplexity under the model of so many tokens after the beginning of a text. Drafts are in the order in which `completions` gives them,
 * `best` is the best of them in hindsight, samples are drawn from the nucleus of 0.9. With a store of the files named (default: this
 * repository's documentation) n-grams decide besides.
 * Time: completions, as many samples one after the other, one sample; they take turns.
 * Drafts: tokens a pass of the model with its own weights in 4 bits as the drafter: superposed, and as a tree of as many of the likeliest tokens, with
 * the time that drafting takes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { draftModel, likeliest } from '../src/draft/draft-model.ts';
import type { Drafter } from '../src/draft/drafter.ts';
import { openStore, StoreBuilder, Superposed, type TextStore } from '../src/drafters.ts';
import { load } from '../src/load.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import type { Target } from '../src/model/target.ts';
import { chain } from '../src/tree/draft-tree.ts';
import { modelSource } from './shared/models.ts';
import { prosePrompts, repository } from './shared/prompts.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({
  ...{ model: 'foretoken-code', dtype: 'q8', prompts: '40', prefix: '48', 'max-tokens': '10' },
  ...{ counts: '3,8', rounds: '5', store: '', tokens: '96' },
});
const report = new Report(
  'superposed',
  'How good are superposed completions beside samples and the greedy text, and what do they cost?',
);
const source = modelSource(options.model);
const model = await load(source, { dtype: options.dtype as WeightType, context: 512, sessions: 2 });
const { target } = model.conversation();
const maxTokens = Number(options['max-tokens']);
const rounds = Number(options.rounds);
const prompts = prosePrompts()
  .slice(0, Number(options.prompts))
  .map(({ text }) => Array.from(model.encode(text)).slice(0, Number(options.prefix)));

for (const count of options.counts.split(',').map(Number)) await reportQuality(count);
await reportTime();
await reportDrafts();
report.close(options.out);

async function reportQuality(count: number): Promise<void> {
  const store = await storeOf(options.store);
  const kinds: Record<string, (prompt: readonly number[]) => Promise<readonly (readonly number[])[]>> = {
    superposed: (prompt) => superposed(prompt, count),
    'superposed, with a store': (prompt) => superposed(prompt, count, store),
    'nucleus samples': (prompt) => Promise.all(Array.from({ length: count }, (_, seed) => sample(prompt, seed))),
    greedy: async (prompt) => [await generated(prompt, {})],
  };
  const rows = [['', ...Array.from({ length: count }, (_, rank) => `${rank + 1}`), 'all', 'best']];
  for (const [name, texts] of Object.entries(kinds)) {
    const found: number[][] = [];
    for (const prompt of prompts) found.push((await texts(prompt)).map((tokens) => logPerplexity(prompt, tokens)));
    const ranks = Array.from({ length: count }, (_, rank) => mean(found.flatMap((all) => all[rank] ?? [])));
    const cells = [...ranks, mean(found.flat()), mean(found.map((all) => Math.min(...all)))];
    rows.push([name, ...cells.map((value) => figure(Math.exp(value)))]);
  }
  report.table(`perplexity of ${count} continuations of ${maxTokens} tokens, ${prompts.length} prompts`, rows);
}

async function reportTime(): Promise<void> {
  const rows = [['', 'superposed, ms', 'samples, ms', 'one sample, ms', 'samples / superposed']];
  for (const count of options.counts.split(',').map(Number)) {
    const [together, apart, one]: [number[], number[], number[]] = [[], [], []];
    for (let round = 0; round < rounds; round++) {
      for (const prompt of prompts) {
        together.push(await timed(() => superposed(prompt, count)));
        apart.push(
          await timed(async () => {
            for (let seed = 0; seed < count; seed++) await sample(prompt, seed);
          }),
        );
        one.push(await timed(() => sample(prompt, 0)));
      }
    }
    const times = [together, apart, one].map(median);
    rows.push([`${count} of ${maxTokens} tokens`, ...times.map(figure), figure(times[1]! / times[0]!)]);
  }
  report.table('medians, the prompt in the cache', rows);
}

async function reportDrafts(): Promise<void> {
  const small = await load(source, { dtype: 'q4', context: 512 });
  const drafters: Record<string, () => Drafter & { dispose(): void }> = {
    'superposed, 3 of 4 tokens': () => new Superposed(small, { count: 3, depth: 4 }),
    'likeliest, 3 children, then 1': () => draftModel(small, likeliest([3, 1, 1, 1])),
    'one chain of 4': () => draftModel(small, likeliest([1, 1, 1, 1])),
  };
  const rows = [['', 'tokens a pass', 'drafting, ms a pass']];
  for (const [name, make] of Object.entries(drafters)) {
    const draft = make();
    let [passes, tokens, draftMs] = [0, 0, 0];
    for (const prompt of prompts) {
      const generation = model.generate(prompt, { maxTokens: Number(options.tokens), draft, draftTokens: 15 });
      await generation.text();
      const { stats } = generation;
      passes += stats.passes;
      tokens += stats.newTokens;
      draftMs += stats.draftMs;
    }
    rows.push([name, figure(tokens / passes), figure(draftMs / passes)]);
    draft.dispose();
  }
  report.table(`as drafters, greedy texts of ${options.tokens} tokens`, rows);
}

async function superposed(prompt: readonly number[], n: number, store?: TextStore) {
  const found = await model.completions(prompt, { n, maxTokens, ...(store && { store }) });
  return found.map(({ tokens }) => tokens);
}

function sample(prompt: readonly number[], seed: number): Promise<readonly number[]> {
  return generated(prompt, { temperature: 1, topP: 0.9, seed });
}

async function generated(prompt: readonly number[], settings: object): Promise<readonly number[]> {
  const generation = model.generate(prompt, { maxTokens, draft: 'none', ...settings });
  await generation.text();
  return generation.tokens.filter((token) => !model.config.eosTokens.includes(token));
}

/** Mean of -ln p of a continuation's tokens. */
function logPerplexity(prompt: readonly number[], tokens: readonly number[]): number {
  if (tokens.length === 0) return 0;
  const block = (from: number) => chain([...prompt, ...tokens].slice(from, from + target.maxNodes));
  let sum = 0;
  target.truncate(0);
  for (let from = 0; from < prompt.length + tokens.length; from += target.maxNodes) {
    const read = block(from);
    sum += lossOf(target, read.tokens, prompt.length - from - 1, tokens);
  }
  target.truncate(0);
  return sum / tokens.length;
}

/** Of the tokens that follow rows `first`.. of a block. */
function lossOf(session: Target, block: Int32Array, first: number, tokens: readonly number[]): number {
  const rows = session.forward(chain(block), 'all');
  let sum = 0;
  for (let node = Math.max(0, first); node < block.length && node - first < tokens.length; node++) {
    const logits = rows.logits(node);
    const largest = logits[rows.argmax(node)]!;
    const total = logits.reduce((all, logit) => all + Math.exp(logit - largest), 0);
    sum += largest + Math.log(total) - logits[tokens[node - first]!]!;
  }
  session.commit(Int32Array.from(block.keys()));
  return sum;
}

/** @param files separated by commas */
async function storeOf(files: string): Promise<TextStore> {
  const docs = join(repository, 'docs');
  const paths = files ? files.split(',') : readdirSync(docs).map((file) => join(docs, file));
  const builder = new StoreBuilder(model.config.vocab);
  for (const path of paths.filter((name) => !/\.svg$|figures$/.test(name))) {
    builder.add(model.tokenizer!.encode(readFileSync(path, 'utf8')));
    builder.endDocument();
  }
  return openStore(Buffer.concat([...builder.pieces()].map((piece) => piece.slice())));
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
