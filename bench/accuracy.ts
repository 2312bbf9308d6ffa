/**
 * What do the types of the weights and of the KV cache cost in accuracy?
 * Usage: node bench/accuracy.ts [--model foretoken-code] [--dtypes f32,bf16,f16,q8,q4] [--kv f32,f16,q8] [--texts 60] [--out FILE]
 *
 * The mean cost of a token over held-out functions, each read from its beginning; perplexity is its exponential. Every type reads the same tokens,
 * and each but the last of a function from a cache of the type in question.
 */
import { BenchModel } from '../src/cli/bench-model.ts';
import type { KvType, WeightType } from '../src/model/memory-plan.ts';
import { costs } from './shared/costs.ts';
import { modelSource } from './shared/models.ts';
import { heldOutEdits } from './shared/prompts.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({ model: 'foretoken-code', dtypes: 'f32,bf16,f16,q8,q4', kv: 'f32,f16,q8', texts: '60' });
const report = new Report('accuracy', 'What do the types of the weights and of the KV cache cost in accuracy?');

// Every function once: several edits may be of one.
const texts = [...new Set(heldOutEdits().map(({ before }) => before))].slice(0, Number(options.texts));
const change = (perplexity: number, base: number) =>
  `${perplexity >= base ? '+' : ''}${(100 * (perplexity / base - 1)).toFixed(3)}%`;
const kvTypes = options.kv.split(',') as KvType[];
const rows: string[][] = [];
let first = 0;
for (const dtype of options.dtypes.split(',') as WeightType[]) {
  let firstKv = 0;
  for (const kv of kvTypes) {
    const model = await BenchModel.load(modelSource(options.model), { dtype, kv });
    const all = texts.flatMap((text) => costs(model.session, model.encode(text).slice(0, model.session.context)));
    const perplexity = Math.exp(all.reduce((sum, cost) => sum + cost, 0) / all.length);
    first ||= perplexity;
    firstKv ||= perplexity;
    rows.push([
      ...[dtype, kv, String(all.length), perplexity.toFixed(4)],
      ...[change(perplexity, first), change(perplexity, firstKv)],
    ]);
  }
}
report.table(`${options.model}: ${texts.length} held-out functions`, [
  ['weights', 'cache', 'tokens', 'perplexity', `beside ${rows[0]![0]}`, `beside a cache in ${kvTypes[0]}`],
  ...rows,
]);
report.close(options.out);
