/**
 * How fast is Foretoken beside what users would pick instead?
 * Usage: node bench/peers/main.ts [--plan full|quick|smoke] [--shapes 15m,135m] [--precisions f32,q8,q4] [--threads 1,2] [--contestants all]
 *        [--rounds 5] [--minutes 60] [--out FILE]
 *
 * What is not given is as the plan has it (plans.ts). Groups that have not begun after `minutes` are left out.
 */
import { availableParallelism } from 'node:os';
import { benchOptions, Report } from '../shared/report.ts';
import { claims, threadsText } from './claims.ts';
import { chooseEntrants, ENTRANTS, type Entrant, Stable } from './entrants.ts';
import { ensureModels, FORMATS, type Precision } from './formats/model-files.ts';
import { type Group, measureGroup, type Result } from './measure.ts';
import { PLANS, type PlanName, type ShapePlan } from './plans.ts';
import { claimRows, curveCharts, curveRows, speedRows } from './tables.ts';
import { versions } from './versions.ts';

const options = benchOptions({
  plan: 'full',
  shapes: '',
  precisions: 'f32,q8,q4',
  threads: '',
  contestants: '',
  rounds: '',
  minutes: '',
});

/** The plan with what the options say otherwise. */
function chosenPlans(): ShapePlan[] {
  const plans: readonly ShapePlan[] | undefined = PLANS[options.plan as PlanName];
  if (!plans) throw new Error(`no plan ${options.plan}: expected one of ${Object.keys(PLANS).join(', ')}`);
  const shapes = options.shapes ? options.shapes.split(',') : plans.map(({ shape }) => shape);
  return shapes.map((shape) => ({
    ...(plans.find((plan) => plan.shape === shape) ?? plans[0]!),
    shape,
    ...(options.threads && { threads: options.threads.split(',').map(Number) }),
    ...(options.contestants && { contestants: options.contestants }),
    ...(options.rounds && { rounds: Number(options.rounds) }),
  }));
}

const plans = chosenPlans();
const precisions = options.precisions.split(',') as Precision[];
const report = new Report('peers/main', 'How fast is Foretoken beside what users would pick instead?');
for (const { shape } of plans) await ensureModels(shape, FORMATS, precisions);

const limitMinutes = Number(options.minutes || Number.POSITIVE_INFINITY);
const stable = new Stable();
/** What was left out, by who and why. */
const leftOut = new Map<string, string[]>();
/** Groups that had no time left. */
const unmeasured: string[] = [];

function noteLeftOut({ label }: Entrant, group: Group, why: string): void {
  const key = `${label} (${why})`;
  leftOut.set(key, [...(leftOut.get(key) ?? []), groupText(group)]);
}

function groupText({ shape, precision, threads }: Group): string {
  return `${shape} ${precision} on ${threadsText(threads)}`;
}

for (const plan of plans) {
  const { shape, rounds, prefill, sizes } = plan;
  const entrants = chooseEntrants(plan.contestants);
  const reference = entrants.find(({ name }) => name === ENTRANTS[0]!.name);
  const results: Result[] = [];
  for (const threads of plan.threads) {
    for (const precision of precisions) {
      const group = { shape, precision, threads };
      if (performance.now() > limitMinutes * 60_000) {
        unmeasured.push(groupText(group));
        continue;
      }
      console.log(`${new Date().toTimeString().slice(0, 8)} ${groupText(group)}`);
      results.push(...(await measureGroup(group, entrants, stable, plan, reference, noteLeftOut)));
    }
  }
  if (results.length === 0) continue;
  report.table(`${shape}: tokens/s; medians of ${rounds} interleaved rounds`, speedRows(results));
  report.table(`${shape}: a pass over n tokens after ${prefill}, logits at every one`, curveRows(results, sizes));
  for (const chart of curveCharts(results, sizes)) report.chart(chart);
  report.table(`${shape}: what it must show`, claimRows(claims(results, sizes)));
}
await stable.close();

for (const [who, groups] of leftOut) report.note(`Left out: ${who}: ${groups.join(', ')}.`);
if (unmeasured.length > 0) report.note(`No time left for ${unmeasured.join(', ')}.`);
const { context, prompt, tokens, prefill, limitMs, slowRounds } = plans[0]!;
report.note(
  [
    `Random weights, greedy, context ${context}. Decode: after a prompt of ${prompt} and the first token, ${tokens - 1} more, or as many as take`,
    `${limitMs} ms. Prefill: a prompt of ${prefill}, by the time to the first token. Where one measurement took more than twice`,
    `${limitMs} ms it was done in ${slowRounds} of the rounds. ${availableParallelism()} processors. ${versions()}`,
  ].join(' '),
);
report.close(options.out);
