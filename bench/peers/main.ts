/**
 * How fast is Foretoken beside what users would pick instead?
 * Usage: node bench/peers/main.ts [--shapes 15m,135m] [--precisions f32,q8,q4] [--threads 1,2] [--contestants all] [--measures decode,prefill,curve]
 *        [--rounds 5] [--tokens 64] [--limit 4000] [--sizes 1,2,4,8,16,32] [--out FILE]
 */
import { availableParallelism } from 'node:os';
import { benchOptions, Report } from '../shared/report.ts';
import { claims } from './claims.ts';
import { chooseEntrants, ENTRANTS, Stable } from './entrants.ts';
import { ensureModels, FORMATS, type Precision } from './formats/model-files.ts';
import { type Group, type Measure, measureGroup, type Result, type Settings } from './measure.ts';
import { claimRows, curveRows, speedRows } from './tables.ts';
import { versions } from './versions.ts';

const options = benchOptions({
  shapes: '15m,135m',
  precisions: 'f32,q8,q4',
  threads: '1,2',
  contestants: 'all',
  measures: 'decode,prefill,curve',
  rounds: '5',
  tokens: '64',
  limit: '4000',
  sizes: '1,2,4,8,16,32',
});
const list = <T extends string>(values: string): T[] => values.split(',') as T[];
const shapes = list(options.shapes);
const precisions = list<Precision>(options.precisions);
const settings: Settings = {
  rounds: Number(options.rounds),
  measures: list<Measure>(options.measures),
  context: 512,
  prompt: 16,
  tokens: Number(options.tokens),
  prefill: 128,
  sizes: list(options.sizes).map(Number),
  limitMs: Number(options.limit),
};

const report = new Report('peers/main', 'How fast is Foretoken beside what users would pick instead?');
const entrants = chooseEntrants(options.contestants);
for (const shape of shapes) ensureModels(shape, FORMATS, precisions);

const groups: Group[] = shapes.flatMap((shape) =>
  precisions.flatMap((precision) =>
    list(options.threads).map((threads) => ({ shape, precision, threads: Number(threads) })),
  ),
);
const leftOut: string[] = [];
const results: Result[] = [];
const stable = new Stable();
const reference = entrants.find(({ name }) => name === ENTRANTS[0]!.name);
for (const group of groups) {
  const { shape, precision, threads } = group;
  console.log(`\n${new Date().toTimeString().slice(0, 8)} ${shape}, ${precision}, threads: ${threads}`);
  results.push(...(await measureGroup(group, entrants, stable, settings, reference, (line) => leftOut.push(line))));
}
await stable.close();

for (const shape of shapes) {
  const of = results.filter((result) => result.shape === shape);
  report.table(`${shape}: tokens/s; medians of ${settings.rounds} interleaved rounds`, speedRows(of));
  if (settings.measures.includes('curve')) {
    const title = `${shape}: a pass over n tokens after ${settings.prefill}, logits at every one`;
    report.table(title, curveRows(of, settings.sizes));
  }
  report.table(`${shape}: what it must show`, claimRows(claims(of, settings.sizes)));
}
for (const line of leftOut) report.note(line);
report.note(
  [
    `Random weights, greedy, context ${settings.context}; decode: prompt of ${settings.prompt}, ${settings.tokens} new tokens, after the first;`,
    `prefill: ${settings.prefill} tokens by the time to the first new one. ${availableParallelism()} processors.`,
    `Slow contestants were measured over fewer tokens, or in three rounds.`,
    versions(),
  ].join(' '),
);
report.close(options.out);
process.exit(0);
