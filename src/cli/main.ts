#!/usr/bin/env node
/// <reference types="node" />
/**
 * The command line. Exit codes: 0; 1 for a failure; 2 for bad usage; 130 after ctrl-C. Errors are one line on stderr,
 * `error[code]: message`, without a stack.
 * @module
 */
import process from 'node:process';
import { ForetokenError, quote } from '../errors.ts';
import { acceptanceCommand } from './acceptance.ts';
import { benchCommand } from './bench.ts';
import { cacheCommand } from './cache.ts';
import { chatCommand } from './chat.ts';
import type { Command } from './command.ts';
import { convertCommand } from './convert.ts';
import { embedCommand } from './embed.ts';
import { generateCommand } from './generate.ts';
import { indexCommand } from './index-store.ts';
import { inspectCommand } from './inspect.ts';
import { helpLines, parseOptions } from './options.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { trainHeadCommand } from './train-head.ts';
import { trainJudgeCommand } from './train-judge.ts';
import { packageVersion } from './version.ts';

const COMMANDS: readonly Command[] = [
  ...[generateCommand, chatCommand, embedCommand],
  ...[inspectCommand, convertCommand, indexCommand, benchCommand, acceptanceCommand, cacheCommand],
  ...[trainHeadCommand, trainJudgeCommand],
];

const HELP_OPTION = { help: { kind: 'flag', help: 'this text' } } as const;

async function main(words: readonly string[], terminal: Terminal): Promise<void> {
  const [name, ...rest] = words;
  if (name === '--version') return terminal.write(`${await packageVersion()}\n`);
  if (name === '--help' || name === 'help') return terminal.write(overview());
  if (name === undefined) throw new ForetokenError('usage.command', `no command given\n${overview().trimEnd()}`);
  const names = [name, `${name} ${rest[0]}`];
  const command = COMMANDS.find((candidate) => names.includes(candidate.name));
  if (!command) {
    throw new ForetokenError(
      'usage.command',
      `unknown command ${quote(name)}: expected ${COMMANDS.map((known) => known.name).join(', ')}, --help or --version`,
    );
  }
  const parameters = rest.slice(command.name.split(' ').length - 1);
  const parsed = parseOptions(parameters, { ...command.options, ...HELP_OPTION }, command.positionals);
  if (parsed.options.help) return terminal.write(commandHelp(command));
  return command.run(parsed, terminal);
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length)) + 2;
  return `Usage: foretoken COMMAND [OPTIONS]

Runs transformer language models, with speculative decoding that changes no token.

Commands:
${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`).join('\n')}

foretoken COMMAND --help tells a command's options, foretoken --version the version.
`;
}

function commandHelp({ name, usage, summary, options, notes }: Command): string {
  return `Usage: foretoken ${name} ${usage}

${summary[0]!.toUpperCase()}${summary.slice(1)}.

Options:
${helpLines({ ...options, ...HELP_OPTION })}

${notes}
`;
}

/** A mistake of the caller, found here or by the library. */
function isUsage(code: string): boolean {
  return /^(usage|option|prompt)\./.test(code);
}

const terminal = openTerminal();
try {
  await main(process.argv.slice(2), terminal);
  terminal.status('');
} catch (error) {
  if (!terminal.signal.aborted) {
    const code = error instanceof ForetokenError ? error.code : 'internal';
    terminal.note(`error[${code}]: ${(error as Error).message}`);
    process.exitCode = isUsage(code) ? 2 : 1;
  }
}
if (terminal.interrupted) process.exitCode = 130;
