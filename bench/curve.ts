/**
 * What does a pass over n tokens cost, beside a pass over one?
 * Usage: node bench/curve.ts [--models foretoken-code,135m] [--dtypes q8,f32] [--threads 1] [--prompt 128] [--rounds 9] [--out FILE]
 */
import { type CostPoint, measureCostCurve } from '../src/cli/cost-curve.ts';
import { figure } from '../src/cli/table.ts';
import { loadTransformer } from '../src/model/load-transformer.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import { modelSource } from './shared/models.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({
  models: 'foretoken-code,135m',
  dtypes: 'q8,f32',
  threads: '1',
  prompt: '128',
  rounds: '9',
});
const report = new Report('curve', 'What does a pass over n tokens cost, beside a pass over one?');
const prompt = Array.from({ length: Number(options.prompt) }, (_, i) => (i * 31 + 7) % 500);

for (const name of options.models.split(',')) {
  const curves: { dtype: string; points: CostPoint[] }[] = [];
  for (const dtype of options.dtypes.split(',') as WeightType[]) {
    const model = await loadTransformer(modelSource(name), {
      dtype,
      context: prompt.length + 64,
      threads: Number(options.threads),
    });
    curves.push({ dtype, points: measureCostCurve(model.session(), { prompt, rounds: Number(options.rounds) }) });
    model.dispose();
  }
  const sizes = curves[0]!.points.map(({ nodes }) => nodes);
  report.table(
    `${name}: a pass over n tokens after ${prompt.length}, threads: ${options.threads}, logits at every one; medians of ${options.rounds} interleaved rounds`,
    [
      ['n', ...sizes.map(String)],
      ...curves.flatMap(({ dtype, points }) => [
        [`${dtype}, ms`, ...points.map(({ ms }) => figure(ms))],
        [`${dtype}, T(n)/T(1)`, ...points.map(({ ratio }) => figure(ratio))],
        [`${dtype}, ms per token`, ...points.map(({ ms, nodes }) => figure(ms / nodes))],
      ]),
    ],
  );
  report.chart({
    name: `curve-${name}`,
    title: `${name}: cost of a pass over n tokens`,
    x: 'n',
    y: 'T(n)/T(1)',
    logarithmicX: true,
    series: curves.map(({ dtype, points }) => ({
      name: dtype,
      points: points.map(({ nodes, ratio }) => ({ x: nodes, y: ratio })),
    })),
  });
}
report.close(options.out);
