/**
 * How long does a draft head take to train, by kind: hidden states once, updates after that?
 * Usage: node bench/head-training.ts [--model weights/foretoken-code] [--kinds medusa,hydra,hydra++,recurrent] [--draft-vocab 1024] [--length 256]
 *        [--batch 4] [--steps 6] [--threads 1,2] [--out FILE]
 *
 * Tokens are drawn at random: time does not depend on them. Hidden states come from the cache in the second run, so that its updates are training alone.
 */
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import type { HeadKind } from '../src/heads/format.ts';
import { estimateHeadTraining, type TrainHeadOptions, trainHead } from '../src/train/heads/train-head.ts';
import { random, randomInt } from '../test/numbers.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({
  ...{ model: 'weights/foretoken-code', kinds: 'medusa,hydra,hydra++,recurrent', 'draft-vocab': '1024' },
  ...{ length: '256', batch: '4', steps: '6', threads: '1,2' },
});
const [length, batch, steps] = [Number(options.length), Number(options.batch), Number(options.steps)];
/** The first updates are for the runtime to compile the kernels. */
const WARM_UP = 2;

const draw = random(1);
const texts = Array.from({ length: batch * steps + 1 }, () => Array.from({ length }, () => randomInt(draw, 256)));

/** Seconds of each update, without the first ones, and the loss of the last. */
async function updates(recipe: TrainHeadOptions): Promise<{ seconds: number[]; loss: number }> {
  const seconds: number[] = [];
  let begun = 0;
  let last = 0;
  await trainHead(options.model, {
    ...recipe,
    onEvaluation: () => {
      begun = performance.now();
    },
    onProgress({ step, loss }) {
      const now = performance.now();
      if (step > WARM_UP) seconds.push((now - begun) / 1000);
      [begun, last] = [now, loss];
    },
  });
  return { seconds, loss: last };
}

const report = new Report('head-training', 'How long does a draft head take to train, by kind?');
const rows: string[][] = [];
for (const kind of options.kinds.split(',') as HeadKind[]) {
  const losses = new Set<number>();
  for (const threads of options.threads.split(',').map(Number)) {
    const recipe = {
      ...{ kind, steps, batch, length, threads, heldOut: 1, evaluateEvery: steps, texts, cache: new Map() },
      draftVocab: Number(options['draft-vocab']),
    };
    const first = await updates(recipe);
    const second = await updates(recipe);
    losses.add(first.loss).add(second.loss);
    const rate = (seconds: readonly number[]) => figure((batch * length) / median([...seconds]));
    const { training } = await estimateHeadTraining(options.model, recipe);
    rows.push([kind, String(threads), rate(first.seconds), rate(second.seconds), figure(training / 1e6)]);
  }
  if (losses.size > 1) throw new Error(`${kind}: threads or kept states change the loss`);
}
report.table(`Tokens/s of updates of ${batch} x ${length} tokens, ${options['draft-vocab']} of them to be guessed`, [
  ['kind', 'threads', 'with hidden states', 'training alone', 'memory, MB'],
  ...rows,
]);
report.close(options.out);
