/**
 * What do draft heads cost, how many tokens does a pass bring with equal budgets, and do they pay?
 * Usage: node bench/heads.ts --heads heads/medusa,heads/hydra [--model foretoken-code] [--parts tokens,speed] [--tree likeliest,fixed,beam]
 *   [--budgets 4,8,16,32] [--temperatures 0,0.7] [--prompt-files a.jsonl,b.jsonl] [--prompts 20] [--max-tokens 96] [--rounds 3] [--out FILE]
 *
 * Tokens: tokens a pass along the model's own output, of each head in each way to grow trees, beside the built-in drafters, when each pass has a budget
 * of drafted tokens; and the time that drafting takes. Prompts come from files of JSON lines with a `prompt`, as many of each file; else they are those of
 * bench/prompts.json.
 * Speed: tokens a second of each head alone and beside `auto`, of lookup, recycling and `auto`, each in turn with plain decoding.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { BenchModel } from '../src/cli/bench-model.ts';
import { compare } from '../src/cli/compare.ts';
import { bootstrap, speedUpOfTotals } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import type { DraftOption } from '../src/decode/options.ts';
import { beamTree, fixedTree, type HeadTree, likeliestTree, loadHead } from '../src/heads/index.ts';
import { type Case, proseCases } from './shared/cases.ts';
import { modelSource } from './shared/models.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({
  model: 'foretoken-code',
  heads: '',
  parts: 'tokens,speed',
  tree: 'likeliest',
  budgets: '4,8,16,32',
  temperatures: '0,0.7',
  'prompt-files': '',
  prompts: '20',
  'max-tokens': '96',
  rounds: '3',
});
const list = (text: string) => text.split(',').filter((item) => item !== '');
const numbers = (text: string) => list(text).map(Number);

const report = new Report(
  'heads',
  'What do draft heads cost, how many tokens does a pass bring with equal budgets, and do they pay?',
);
const model = await BenchModel.load(modelSource(options.model));
const TREES: Record<string, () => HeadTree> = { likeliest: likeliestTree, fixed: fixedTree, beam: beamTree };

/** Who drafts, by name. */
const drafts: Record<string, DraftOption> = {};
for (const path of list(options.heads)) {
  for (const tree of list(options.tree)) {
    const head = await loadHead(path, model.parts, { tree: TREES[tree]!() });
    drafts[`${basename(path)}, ${tree}`] = head;
    report.note(`${path}, ${tree}: ${head.name}, ${head.bytes} bytes of memory`);
  }
}
const parts = list(options.parts);
if (parts.includes('tokens')) await reportTokens();
if (parts.includes('speed')) await reportSpeed();
report.close(options.out);

function cases(temperature: number): Case[] {
  const maxTokens = Number(options['max-tokens']);
  const most = Number(options.prompts);
  const files = list(options['prompt-files']);
  if (files.length === 0) return proseCases(model, maxTokens, temperature).slice(0, most);
  return files.flatMap((file) => {
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(0, most);
    return lines.map((line, seed) => ({
      kind: basename(file, '.jsonl'),
      ids: model.encode(JSON.parse(line).prompt as string),
      options: { maxTokens, temperature, ...(temperature > 0 && { seed }) },
    }));
  });
}

async function reportTokens(): Promise<void> {
  const budgets = numbers(options.budgets);
  for (const temperature of numbers(options.temperatures)) {
    const all = cases(temperature);
    const rows: string[][] = [];
    for (const [name, draft] of Object.entries({ lookup: 'lookup', recycle: 'recycle', ...drafts })) {
      const row = [name];
      for (const draftTokens of budgets) {
        let [tokens, passes, draftMs, passMs] = [0, 0, 0, 0];
        for (const { ids, options: settings } of all) {
          const { stats, tokens: output } = await model.run(ids, {
            ...settings,
            draft: draft as DraftOption,
            draftTokens,
          });
          tokens += output.length;
          passes += stats.passes;
          draftMs += stats.draftMs;
          passMs += stats.passMs;
        }
        model.forget();
        row.push(`${figure(tokens / passes)} (${figure((100 * draftMs) / (draftMs + passMs))}%)`);
      }
      rows.push(row);
    }
    report.table(
      `Tokens a pass (share of the time that drafting takes) at temperature ${temperature}, ${all.length} prompts`,
      [['drafted in a pass', ...budgets.map(String)], ...rows],
    );
  }
}

async function reportSpeed(): Promise<void> {
  const rounds = Number(options.rounds);
  const ways: Record<string, DraftOption> = { lookup: 'lookup', recycle: 'recycle', auto: 'auto', ...drafts };
  for (const [name, head] of Object.entries(drafts)) ways[`auto and ${name}`] = ['auto', head] as DraftOption;
  for (const temperature of numbers(options.temperatures)) {
    const all = cases(temperature);
    const rows: string[][] = [];
    for (const [name, draft] of Object.entries(ways)) {
      const results = await compare(
        model,
        all.map((each) => ({ ...each, draft: () => draft })),
        { rounds },
      );
      const pairs = results.flatMap((result) => result.rounds);
      const { estimate, low, high } = bootstrap(pairs, speedUpOfTotals);
      const tokens = rounds * results.reduce((sum, { plain }) => sum + plain.tokens.length, 0);
      const perSecond = (of: (pair: (typeof pairs)[number]) => number) =>
        figure((1000 * tokens) / pairs.reduce((sum, pair) => sum + of(pair), 0));
      const passes = results.reduce((sum, { other }) => sum + other.stats.passes, 0);
      rows.push([
        name,
        perSecond(({ plainMs }) => plainMs),
        perSecond(({ otherMs }) => otherMs),
        `${figure(estimate)} (${figure(low)} to ${figure(high)})`,
        figure(tokens / rounds / passes),
      ]);
    }
    report.table(
      `Tokens a second at temperature ${temperature}, ${all.length} prompts, ${rounds} rounds, each way in turn with plain decoding`,
      [['way to draft', 'plain', 'drafted', 'speed-up (95%)', 'tokens a pass'], ...rows],
    );
  }
}
