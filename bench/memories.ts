/**
 * What does it cost to split a model over several memories?
 * Usage: node bench/memories.ts [--models 135m] [--dtypes q8,f32] [--splits 3] [--threads 1] [--rounds 7] [--out FILE]
 *        --models llama-7b --dtypes q4 --splits 1: the shape of Llama-2-7B, which no single memory holds, in 5 GB
 *
 * A model is loaded over as few memories as hold it, then over more of smaller ones. In each round every split takes its turn with every size of pass.
 */
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import type { FolderInput } from '../src/formats/folder.ts';
import { loadTransformer } from '../src/model/load-transformer.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import { chain } from '../src/tree/draft-tree.ts';
import { llama7b } from './shared/large-model.ts';
import { modelSource } from './shared/models.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({ models: '135m', dtypes: 'q8,f32', splits: '3', threads: '1', rounds: '7' });
const report = new Report('memories', 'What does it cost to split a model over several memories?');

/** A token of plain decoding, two verification passes, a block of prefill. */
const SIZES = [1, 4, 16, 64];
const tokens = (count: number) => chain(Array.from({ length: count }, (_, i) => (i * 31 + 7) % 500));

/** Splits of one model, all loaded: over as few memories as hold it, and each over more than the one before. */
async function loadSplits(source: FolderInput, dtype: WeightType, count: number) {
  const runs = [];
  const common = { dtype, context: 512, threads: Number(options.threads) };
  for (let largestMemory = 2 ** 32; runs.length < count; ) {
    const model = await loadTransformer(source, { ...common, largestMemory });
    largestMemory = Math.max(...model.plan.stages.map(({ bytes }) => bytes)) - 1;
    runs.push({ model, session: model.session(), times: new Map(SIZES.map((size) => [size, [] as number[]])) });
  }
  return runs;
}

for (const name of options.models.split(',')) {
  const rows: string[][] = [];
  for (const dtype of options.dtypes.split(',') as WeightType[]) {
    const source = name === 'llama-7b' ? llama7b() : modelSource(name);
    const runs = await loadSplits(source, dtype, Number(options.splits));
    const logits = runs.map(({ session }) => session.forward(tokens(4), 'last').logits(3).slice());
    if (logits.some((row) => row.some((value, i) => value !== logits[0]![i])))
      throw new Error('the split changes the logits');
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const { session, times } of runs) {
        for (const size of SIZES) {
          const start = performance.now();
          session.forward(tokens(size), 'all');
          times.get(size)!.push(performance.now() - start);
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    }
    for (const { model, times } of runs) {
      const bytes = model.plan.stages.map((stage) => (stage.bytes / 1e6).toFixed(0));
      rows.push([dtype, bytes.join(' + '), ...SIZES.map((size) => figure(median(times.get(size)!)))]);
      model.dispose();
    }
  }
  const threads = options.threads === '1' ? 'one thread' : `${options.threads} threads`;
  report.table(`${name}: milliseconds of a pass, ${threads}; medians of ${options.rounds} interleaved rounds`, [
    ['weights', 'memories, MB', ...SIZES.map((size) => (size === 1 ? '1 token' : `${size} tokens`))],
    ...rows,
  ]);
}
report.close(options.out);
