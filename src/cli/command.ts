/**
 * What a command is to main.ts.
 * @module
 */
import type { OptionTable, Parsed } from './options.ts';
import type { Terminal } from './terminal.ts';

export interface Command<Table extends OptionTable = OptionTable> {
  readonly name: string;
  /** What it does, for the list of commands. */
  readonly summary: string;
  /** What follows the command's name. */
  readonly usage: string;
  readonly options: Table;
  /** Positional arguments accepted. */
  readonly positionals: number;
  /** The rest of the help text: examples, and what the options cannot say. */
  readonly notes: string;
  run(parsed: Parsed<Table>, terminal: Terminal): Promise<void>;
}

/** Keeps the option table's own type, so that `run` knows each option's. */
export function command<const Table extends OptionTable>(definition: Command<Table>): Command {
  return definition as unknown as Command;
}
