import { ForetokenError } from '../../src/errors.ts';
import { helpLines, type OptionTable, parseOptions } from '../../src/cli/options.ts';
import { assert, test } from '../harness.ts';

const TABLE = {
  json: { kind: 'flag', help: 'one object' },
  model: { kind: 'text', value: 'PATH', help: 'which model' },
  stop: { kind: 'texts', value: 'TEXT', help: 'ends the text' },
  'top-k': { kind: 'integer', value: 'N', help: 'how many' },
  temperature: { kind: 'number', value: 'T', help: 'how wild' },
  draft: { kind: 'list', value: 'NAMES', help: 'who guesses' },
} as const satisfies OptionTable;

const parse = (...parameters: string[]) => parseOptions(parameters, TABLE, 1);

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.instance(error, ForetokenError);
    return (error as ForetokenError).code;
  }
  return 'nothing thrown';
}

test('options come back by name with the type that the table gives them', () => {
  const { options, positionals } = parse(
    'hello',
    '--json',
    '--top-k=40',
    '--temperature',
    '0.7',
    '--stop',
    'a',
    '--stop',
    'b',
    '--draft',
    'lookup, recycle',
  );
  assert.equal(positionals, ['hello']);
  assert.equal(options, { json: true, 'top-k': 40, temperature: 0.7, stop: ['a', 'b'], draft: ['lookup', 'recycle'] });
});

test('options that are not given are absent', () => {
  assert.equal({ ...parse().options }, {});
});

test('numbers are read whole, in decimal notation, or refused', () => {
  for (const text of ['1', '-3', '+2', '1e3', '12.0'])
    assert.is(parse(`--top-k=${text}`).options['top-k'], Number(text));
  for (const text of ['.5', '-1.25', '1e-3'])
    assert.is(parse(`--temperature=${text}`).options.temperature, Number(text));
  for (const text of ['', ' ', 'x', '1x', '0x10', 'NaN', 'Infinity', '1e999', '1,5', '--']) {
    assert.is(
      codeOf(() => parse(`--temperature=${text}`)),
      'usage.option',
      text,
    );
  }
  for (const text of ['0.5', '9007199254740993', '1e300'])
    assert.is(
      codeOf(() => parse(`--top-k=${text}`)),
      'usage.option',
      text,
    );
});

test('unknown options, missing values, empty list items and further arguments are bad usage', () => {
  const bad = [
    ['--modle', 'x'],
    ['-m'],
    ['--model'],
    ['--json=yes'],
    ['--model', '--json'],
    ['--draft', 'a,,b'],
    ['--draft', ''],
  ];
  for (const parameters of bad)
    assert.is(
      codeOf(() => parse(...parameters)),
      'usage.option',
      parameters.join(' '),
    );
  assert.is(
    codeOf(() => parse('one', 'two')),
    'usage.argument',
  );
});

test('after -- everything is an argument', () => {
  assert.equal(parse('--json', '--', '--model').positionals, ['--model']);
});

test('the help names every option once, with its value, on lines of its own', () => {
  const lines = helpLines(TABLE).split('\n');
  assert.is(lines.length, Object.keys(TABLE).length);
  assert.match(lines[1]!, /^ {2}--model PATH +which model$/);
});

test.run();
