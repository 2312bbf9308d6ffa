/**
 * Which figures does the documentation show? Writes docs/figures.md, docs/benchmarks.md and docs/figures/*.svg from the findings in bench/results/.
 * Usage: node bench/report.ts
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { svgChart } from '../src/cli/chart.ts';
import { repository } from './shared/prompts.ts';
import type { Findings, Page, Table } from './shared/report.ts';
import { svgRowChart } from './shared/row-chart.ts';

const results = join(repository, 'bench/results');
const figures = join(repository, 'docs/figures');

function markdownTable({ title, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const [head, ...body] = rows;
  return `**${title}**\n\n${[line(head!), line(head!.map((_, column) => (column === 0 ? '---' : '--:'))), ...body.map(line)].join('\n')}`;
}

function section({ name, command, question, environment, tables, charts, notes }: Findings): string {
  const { date, runtime, processor, commit, kernels } = environment;
  return [
    `## ${question}`,
    `\`${command ?? `bench/${name}.ts`}\`, ${date}, ${runtime}, ${processor}, commit ${commit}, kernels ${kernels}`,
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
for (const chart of findings.flatMap(({ charts }) => charts)) {
  writeFileSync(join(figures, `${chart.name}.svg`), 'rows' in chart ? svgRowChart(chart) : svgChart(chart));
}

const PAGES: Readonly<Record<Page, { readonly title: string; readonly what: string }>> = {
  figures: { title: 'Figures', what: 'What passes, kernels and whole programs take' },
  benchmarks: { title: 'Benchmarks', what: 'What each way of drafting and accepting is worth' },
};
for (const [page, { title, what }] of Object.entries(PAGES)) {
  const shown = findings.filter((finding) => (finding.page ?? 'figures') === page);
  const text = `# ${title}

${what}. Written by \`bench/report.ts\` from the findings in [bench/results](../bench/results), each made by what stands below its title;
[performance.md](performance.md) tells what the words mean.

${shown.map(section).join('\n\n') || 'Nothing is kept for this page yet.'}
`;
  writeFileSync(join(repository, 'docs', `${page}.md`), text);
  console.log(`docs/${page}.md: ${shown.length} benchmarks, ${shown.flatMap(({ charts }) => charts).length} charts`);
}
