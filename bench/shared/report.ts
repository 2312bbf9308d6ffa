/**
 * What a benchmark says: tables and charts, printed, and with `--out FILE` kept as JSON for bench/report.ts.
 * @module
 */
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { Chart } from '../../src/cli/chart.ts';
import { table } from '../../src/cli/table.ts';
import { type Environment, environment } from './environment.ts';

export interface Table {
  readonly title: string;
  /** The first row is the head. */
  readonly rows: readonly (readonly string[])[];
}

/** What one benchmark found. */
export interface Findings {
  readonly name: string;
  readonly question: string;
  readonly environment: Environment;
  readonly tables: readonly Table[];
  readonly charts: readonly Chart[];
  /** Sentences: counts, what was left out, what a figure does not mean. */
  readonly notes: readonly string[];
}

/** Collects findings; what is added is printed at once. */
export class Report {
  readonly #name: string;
  readonly #question: string;
  readonly #environment = environment();
  readonly #tables: Table[] = [];
  readonly #charts: Chart[] = [];
  readonly #notes: string[] = [];

  constructor(name: string, question: string) {
    this.#name = name;
    this.#question = question;
    const { runtime, processor, commit, kernels } = this.#environment;
    console.log(`${question}\n${runtime}, ${processor}, commit ${commit}, kernels ${kernels}`);
  }

  table(title: string, rows: Table['rows']): void {
    this.#tables.push({ title, rows });
    console.log(`\n${title}\n${table(rows)}`);
  }

  chart(chart: Chart): void {
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
      environment: this.#environment,
      tables: this.#tables,
      charts: this.#charts,
      notes: this.#notes,
    };
    writeFileSync(out, `${JSON.stringify(findings, undefined, 2)}\n`);
  }
}

/** A benchmark's own options, all of the form `--name value`; `--out` exists for all. */
export function benchOptions<const Names extends string>(
  defaults: Readonly<Record<Names, string>>,
): Record<Names, string> & { out?: string } {
  const names = [...Object.keys(defaults), 'out'];
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
  });
  return { ...defaults, ...values } as Record<Names, string> & { out?: string };
}
