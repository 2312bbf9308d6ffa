/**
 * Options of a command: one table gives the parser, the checks of form and the help text. Whether a number is in range is the
 * library's to say.
 * @module
 */
import { parseArgs } from 'node:util';
import { ForetokenError, quote } from '../errors.ts';

/** `text` may be given once, `texts` several times; `list` is `a,b,c`. */
export interface OptionSpec {
  readonly kind: 'flag' | 'text' | 'texts' | 'number' | 'integer' | 'list';
  /** What stands for the value in the help, in capitals. */
  readonly value?: string;
  readonly help: string;
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

interface ValueOf {
  flag: boolean;
  text: string;
  texts: string[];
  number: number;
  integer: number;
  list: string[];
}

/** What was given, by option name; an option that was not given is absent. */
export type OptionValues<Table extends OptionTable> = { [Name in keyof Table]?: ValueOf[Table[Name]['kind']] };

export interface Parsed<Table extends OptionTable> {
  readonly options: OptionValues<Table>;
  readonly positionals: readonly string[];
}

/**
 * @param table the options that exist
 * @param most positional arguments accepted
 * @throws {ForetokenError} `usage.option` for an option that is unknown or has a value of the wrong form, `usage.argument` for too many
 *   positional arguments
 */
export function parseOptions<Table extends OptionTable>(
  parameters: readonly string[],
  table: Table,
  most: number,
): Parsed<Table> {
  const { values, positionals } = split(parameters, table);
  if (positionals.length > most) {
    throw new ForetokenError(
      'usage.argument',
      `unexpected argument ${quote(positionals[most]!)}: this command takes ${most === 1 ? 'one' : most}`,
    );
  }
  const entries = Object.entries(values).map(([name, given]) => [name, readValue(name, table[name]!.kind, given)]);
  return { options: Object.fromEntries(entries), positionals };
}

/** Name and value of every option, as text; node's own messages, without their advice. */
function split(parameters: readonly string[], table: OptionTable) {
  try {
    return parseArgs({
      args: [...parameters],
      allowPositionals: true,
      options: Object.fromEntries(
        Object.entries(table).map(([name, { kind }]) => [
          name,
          { type: kind === 'flag' ? 'boolean' : 'string', multiple: kind === 'texts' },
        ]),
      ),
    });
  } catch (error) {
    const [firstSentence] = (error as Error).message.split(/\.\s|\n/);
    throw new ForetokenError('usage.option', firstSentence!.replace(/\.$/, ''));
  }
}

function readValue(name: string, kind: OptionSpec['kind'], given: unknown): ValueOf[OptionSpec['kind']] {
  switch (kind) {
    case 'number':
    case 'integer':
      return numberOf(name, kind, given as string);
    case 'list':
      return listOf(name, given as string);
    default:
      return given as string | boolean | string[];
  }
}

function numberOf(name: string, kind: 'number' | 'integer', text: string): number {
  const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
  if (!(kind === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value))) {
    throw new ForetokenError(
      'usage.option',
      `--${name} ${quote(text)}: expected a ${kind === 'integer' ? 'whole ' : ''}number`,
    );
  }
  return value;
}

function listOf(name: string, text: string): string[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.includes(''))
    throw new ForetokenError('usage.option', `--${name} ${quote(text)}: expected items separated by commas`);
  return items;
}

/** The options as lines of a help text: name and value on the left, meaning on the right. */
export function helpLines(table: OptionTable): string {
  const left = ([name, { value }]: [string, OptionSpec]) => `  --${name}${value ? ` ${value}` : ''}`;
  const rows = Object.entries(table);
  const width = Math.max(...rows.map((row) => left(row).length)) + 2;
  return rows.map((row) => left(row).padEnd(width) + row[1].help.replaceAll('\n', `\n${' '.repeat(width)}`)).join('\n');
}
