import { readFileSync } from 'node:fs';
import { assert, repositoryFile, test } from '../harness.ts';
import { foretoken } from './command.ts';

/** The whole of stderr after a failure: the line that says what was wrong, and no stack. */
function errorLine(code: string): RegExp {
  return new RegExp(`^error\\[${code.replace('.', '\\.')}\\]: [^\\n]+\\n$`);
}

test('--version prints the version of package.json', async () => {
  const { version } = JSON.parse(readFileSync(repositoryFile('package.json'), 'utf8'));
  assert.equal(await foretoken(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
});

test('--help names every command, and each command has a help of its own', async () => {
  const overview = await foretoken(['--help']);
  assert.is(overview.code, 0);
  assert.is(overview.stderr, '');
  const promised = {
    generate: 'model draft max-tokens temperature top-k top-p min-p seed stop dtype kv json stats file prompt-ids',
    chat: 'model system template stats prompt-cache max-tokens draft',
    inspect: 'json context kv',
    bench: 'model kv draft json synthetic-acceptance shape',
  };
  for (const [name, options] of Object.entries(promised)) {
    assert.match(overview.stdout, new RegExp(`^ {2}${name} `, 'm'));
    const help = await foretoken([name, '--help']);
    assert.is(help.code, 0, help.stderr);
    assert.match(help.stdout, new RegExp(`^Usage: foretoken ${name} `));
    for (const option of options.split(' ')) assert.match(help.stdout, new RegExp(`^ {2}--${option}\\b`, 'm'));
  }
});

test('no command, or an unknown one, is bad usage: exit code 2', async () => {
  const none = await foretoken([]);
  assert.is(none.code, 2);
  assert.is(none.stdout, '');
  assert.match(none.stderr, /^error\[usage\.command\]: /);
  const unknown = await foretoken(['genrate']);
  assert.is(unknown.code, 2);
  assert.match(unknown.stderr, errorLine('usage.command'));
});

test('unknown options, malformed values and too many arguments are bad usage', async () => {
  const cases: [string[], string][] = [
    [['generate', 'x', '--modle', 'y'], 'usage.option'],
    [['generate', 'x', '--top-k', '1.5'], 'usage.option'],
    [['generate', 'x', '--temperature', 'warm'], 'usage.option'],
    [['generate', 'x', 'y'], 'usage.argument'],
    [['generate', 'x', '--prompt-ids', '1'], 'usage.prompt'],
    [['generate', '--prompt-ids', '1,-2'], 'usage.prompt'],
    [['bench', '--shape', '7b'], 'usage.option'],
    [['bench', '--synthetic-acceptance', '1.5'], 'usage.option'],
    [['bench', '--model', 'a', '--shape', 'tiny'], 'usage.option'],
  ];
  const outcomes = await Promise.all(cases.map(([parameters]) => foretoken(parameters)));
  for (const [i, outcome] of outcomes.entries()) {
    const [parameters, code] = cases[i]!;
    assert.is(outcome.code, 2, parameters.join(' '));
    assert.match(outcome.stderr, errorLine(code), parameters.join(' '));
    assert.is(outcome.stdout, '');
  }
});

test.run();
