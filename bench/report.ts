/**
 * Which figures does the documentation show? Writes docs/figures.md and docs/figures/*.svg from the findings in bench/results/.
 * Usage: node bench/report.ts
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { svgChart } from '../src/cli/chart.ts';
import { repository } from './shared/prompts.ts';
import type { Findings, Table } from './shared/report.ts';

const results = join(repository, 'bench/results');
const figures = join(repository, 'docs/figures');

function markdownTable({ title, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const [head, ...body] = rows;
  return `**${title}**\n\n${[line(head!), line(head!.map((_, column) => (column === 0 ? '---' : '--:'))), ...body.map(line)].join('\n')}`;
}

function section({ name, question, environment, tables, charts, notes }: Findings): string {
  const { date, runtime, processor, commit, kernels } = environment;
  return [
    `## ${question}`,
    `\`bench/${name}.ts\`, ${date}, ${runtime}, ${processor}, commit ${commit}, kernels ${kernels}`,
    ...tables.map(markdownTable),
    ...charts.map((chart) => `![${chart.title}](figures/${chart.name}.svg)`),
    ...notes,
  ].join('\n\n');
}

mkdirSync(figures, { recursive: true });
const findings = readdirSync(results)
  .filter((file) => file.endsWith('.json'))
  .sort()
  .map((file) => JSON.parse(readFileSync(join(results, file), 'utf8')) as Findings);
for (const chart of findings.flatMap(({ charts }) => charts))
  writeFileSync(join(figures, `${chart.name}.svg`), svgChart(chart));
const text = `# Figures

Written by \`bench/report.ts\` from the findings in [bench/results](../bench/results); [performance.md](performance.md) tells how to repeat them.

${findings.map(section).join('\n\n')}
`;
writeFileSync(join(repository, 'docs/figures.md'), text);
console.log(
  `docs/figures.md: ${findings.length} benchmarks, ${findings.flatMap(({ charts }) => charts).length} charts`,
);
