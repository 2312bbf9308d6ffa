/**
 * How much faster is a pass on several threads?
 * Usage: node bench/threads.ts [--models 135m,foretoken-code] [--dtypes f32,q8] [--threads 1,2] [--rounds 7] [--out FILE]
 *
 * In each round every number of threads takes its turn with every size of pass, so a machine that slows down meets all alike. A turn begins with
 * passes that are not timed: threads that have just slept through another's turn are late.
 */
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { loadTransformer } from '../src/model/load-transformer.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import type { Session } from '../src/model/session.ts';
import { chain } from '../src/tree/draft-tree.ts';
import { modelSource } from './shared/models.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({ models: '135m,foretoken-code', dtypes: 'f32,q8', threads: '1,2', rounds: '7' });
const report = new Report('threads', 'How much faster is a pass on several threads?');

const PROMPT = 128;
/** A token of plain decoding, two verification passes, a block of prefill. */
const SIZES = [1, 4, 16, 64];
/** Timed passes of a turn. */
const PASSES: Readonly<Record<number, number>> = { 1: 8, 4: 4, 16: 2, 64: 2 };

const tokens = (count: number) => chain(Array.from({ length: count }, (_, i) => (i * 31 + 7) % 500));
const breathe = () => new Promise((resolve) => setImmediate(resolve));

/** Prefill asks for no logits, verification for all. */
const pass = (session: Session, size: number) => session.forward(tokens(size), size === 64 ? 'none' : 'all');

/** Milliseconds of each timed pass of one turn, with the host given its turn in between, as decoding does. */
async function turn(session: Session, size: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = -2; i < PASSES[size]!; i++) {
    const start = performance.now();
    pass(session, size);
    if (i >= 0) times.push(performance.now() - start);
    await breathe();
  }
  return times;
}

for (const name of options.models.split(',')) {
  const rows: string[][] = [];
  for (const dtype of options.dtypes.split(',') as WeightType[]) {
    const runs = [];
    for (const threads of options.threads.split(',').map(Number)) {
      const model = await loadTransformer(modelSource(name), { dtype, threads, context: PROMPT + 64 });
      const session = model.session();
      for (let done = 0; done < PROMPT; done += 64) {
        pass(session, 64);
        session.commit(Int32Array.from({ length: 64 }, (_, i) => i));
      }
      runs.push({ threads, model, session, times: new Map(SIZES.map((size) => [size, [] as number[]])) });
    }
    const logits = runs.map(({ session }) => session.forward(tokens(1), 'last').logits(0).slice());
    if (logits.some((row) => row.some((value, i) => value !== logits[0]![i])))
      throw new Error('threads change the logits');

    for (let round = 0; round < Number(options.rounds); round++) {
      for (const size of SIZES) for (const run of runs) run.times.get(size)!.push(...(await turn(run.session, size)));
    }
    const first = runs[0]!;
    for (const { threads, times } of runs) {
      const cells = SIZES.flatMap((size) => {
        const ms = median(times.get(size)!);
        return [figure(ms), figure(median(first.times.get(size)!) / ms)];
      });
      rows.push([dtype, String(threads), ...cells]);
    }
    for (const { model } of runs) model.dispose();
  }
  report.table(`${name}: a pass over n tokens after ${PROMPT}; medians of ${options.rounds} interleaved rounds`, [
    ['weights', 'threads', ...SIZES.flatMap((size) => [`n = ${size}, ms`, 'speed-up'])],
    ...rows,
  ]);
}
report.close(options.out);
