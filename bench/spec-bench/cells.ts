/**
 * What is measured at a time, and how a run that was broken off goes on: every finished cell is on the disk, and is not measured again.
 * @module
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

/** What a run depends on, besides chance: a run goes on only with the same. */
export type Conditions = Readonly<Record<string, unknown>>;

interface Stored {
  readonly conditions: Conditions;
  readonly cells: Record<string, unknown>;
}

export class Cells {
  readonly #path: string;
  readonly #stored: Stored;

  /**
   * @param path   of the file; it is written anew after each cell, under another name first
   * @param resume whether to go on with what it holds
   * @throws where it should, and the file is of a run under other conditions
   */
  constructor(path: string, conditions: Conditions, resume: boolean) {
    this.#path = path;
    const comparable = JSON.parse(JSON.stringify(conditions)) as Conditions;
    const before = resume && existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Stored) : undefined;
    if (before) checkConditions(before.conditions, comparable, path);
    this.#stored = before ?? { conditions: comparable, cells: {} };
  }

  /** Names of what is finished. */
  get finished(): readonly string[] {
    return Object.keys(this.#stored.cells);
  }

  /** What was added under a name, of the type that its cell has; undefined where nothing was. */
  result<Result>(name: string): Result | undefined {
    return Object.hasOwn(this.#stored.cells, name) ? (this.#stored.cells[name] as Result) : undefined;
  }

  /** The result of a cell, which is measured unless it is finished. */
  async once<Result>(name: string, measure: () => Result | Promise<Result>): Promise<Result> {
    const before = this.result<Result>(name);
    if (before !== undefined) return before;
    const result = await measure();
    this.add(name, result);
    return result;
  }

  /** @param result as JSON has it */
  add(name: string, result: unknown): void {
    this.#stored.cells[name] = result;
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(`${this.#path}.part`, JSON.stringify(this.#stored));
    renameSync(`${this.#path}.part`, this.#path);
  }
}

function checkConditions(before: Conditions, now: Conditions, path: string): void {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])];
  const changed = names.filter((name) => !isDeepStrictEqual(before[name], now[name]));
  if (changed.length > 0) {
    throw new Error(`${path} is of a run with other ${changed.join(', ')}: go on with the same, or leave out --resume`);
  }
}
