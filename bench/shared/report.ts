/**
 * What a benchmark says: tables and charts, printed, and with `--out FILE` kept as JSON for bench/report.ts.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { Chart } from '../../src/cli/chart.ts';
import { table } from '../../src/cli/table.ts';
import { type Environment, environment } from './environment.ts';
import type { RowChart } from './row-chart.ts';

export interface Table {
  readonly title: string;
  /** The first row is the head. */
  readonly rows: readonly (readonly string[])[];
}

/** The page of the documentation that shows what was found: docs/figures.md, or docs/benchmarks.md for ways of decoding. */
export type Page = 'figures' | 'benchmarks';

/** What one benchmark found. */
export interface Findings {
  readonly name: string;
  readonly page?: Page;
  /** What was run, from the folder of the repository. */
  readonly command?: string;
  readonly question: string;
  readonly environment: Environment;
  readonly tables: readonly Table[];
  readonly charts: readonly (Chart | RowChart)[];
  /** Sentences: counts, what was left out, what a figure does not mean. */
  readonly notes: readonly string[];
}

/** Collects findings; what is added is printed at once. */
export class Report {
  readonly #name: string;
  readonly #question: string;
  readonly #page: Page;
  readonly #environment = environment();
  readonly #tables: Table[] = [];
  readonly #charts: (Chart | RowChart)[] = [];
  readonly #notes: string[] = [];

  constructor(name: string, question: string, page: Page = 'figures') {
    this.#name = name;
    this.#question = question;
    this.#page = page;
    const { runtime, processor, commit, kernels } = this.#environment;
    console.log(`${question}\n${runtime}, ${processor}, commit ${commit}, kernels ${kernels}`);
  }

  table(title: string, rows: Table['rows']): void {
    this.#tables.push({ title, rows });
    console.log(`\n${title}\n${table(rows)}`);
  }

  chart(chart: Chart | RowChart): void {
    this.#charts.push(chart);
  }

  note(sentence: string): void {
    this.#notes.push(sentence);
    console.log(`\n${sentence}`);
  }

  /** @param out where to keep the findings; nowhere when absent */
  close(out: string | undefined): void {
    if (out === undefined) return;
    const findings: Findings = {
      name: this.#name,
      question: this.#question,
      page: this.#page,
      command: commandLine(),
      environment: this.#environment,
      tables: this.#tables,
      charts: this.#charts,
      notes: this.#notes,
    };
    writeFileSync(out, `${JSON.stringify(findings, undefined, 2)}\n`);
  }
}

/** How this program was called, as one would type it in the repository, to make the same again: not where its findings went, nor that it went on. */
function commandLine(): string {
  const [, script = '', ...all] = process.argv;
  const given = all.filter((part, i) => part !== '--resume' && part !== '--out' && all[i - 1] !== '--out');
  const quoted = given.map((part) => (/^[\w./:,=@-]+$/.test(part) ? part : `'${part}'`));
  return ['node', relative(process.cwd(), script), ...quoted].join(' ');
}

/**
 * A benchmark's own options: those with a default have the form `--name value`, flags are false unless given. `--out` exists for all.
 */
export function benchOptions<const Names extends string, const Flags extends string = never>(
  defaults: Readonly<Record<Names, string>>,
  flags: readonly Flags[] = [],
): Record<Names, string> & Record<Flags, boolean> & { out?: string } {
  const texts = [...Object.keys(defaults), 'out'].map((name) => [name, { type: 'string' as const }]);
  const switches = flags.map((name) => [name, { type: 'boolean' as const, default: false }]);
  const { values } = parseArgs({ args: process.argv.slice(2), options: Object.fromEntries([...texts, ...switches]) });
  return { ...defaults, ...values } as Record<Names, string> & Record<Flags, boolean> & { out?: string };
}
