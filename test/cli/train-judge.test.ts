import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, repositoryFile, test } from '../harness.ts';
import { foretoken } from './command.ts';

const MODEL = repositoryFile('weights/foretoken-code');
const folder = mkdtempSync(join(tmpdir(), 'judge-'));
test.after(() => rmSync(folder, { recursive: true }));

test('train judge writes a head that generate decodes with, and prints its accuracy and what it costs', async () => {
  const out = join(folder, 'judge.json');
  const data = join(folder, 'data.txt');
  writeFileSync(data, readFileSync(repositoryFile('docs/decoding.md'), 'utf8').slice(0, 4000));
  const trained = await foretoken([
    ...['train', 'judge', '--model', MODEL, '--data', data, '--out', out],
    ...['--window', '32', '--epochs', '2'],
  ]);
  assert.is(trained.code, 0, trained.stderr);
  assert.match(trained.stdout, /held out: \d+ tokens/);
  assert.match(trained.stdout, /threshold +tokens a pass +perplexity/);
  const { weights, bias, accuracy, quality } = JSON.parse(readFileSync(out, 'utf8'));
  assert.ok(weights.length > 0 && Number.isFinite(bias));
  assert.ok(accuracy.auc > 0.6, `${accuracy.auc}`);
  assert.equal(
    quality.map(({ threshold }: { threshold: number }) => threshold),
    [1, 0.5, 0.8, 0.95],
  );

  const run = async (...options: string[]) => {
    const { code, stdout, stderr } = await foretoken([
      ...['generate', 'The prompt of a', '--model', MODEL, '--max-tokens', '24', '--draft', 'lookup,recycle', '--json'],
      ...options,
    ]);
    assert.is(code, 0, stderr);
    return JSON.parse(stdout).tokens;
  };
  const plain = await run();
  assert.equal(await run('--judge', out, '--judge-threshold', '1'), plain);
  assert.not.equal(await run('--judge', out, '--judge-threshold=-1'), plain);
});

test('a judge that is none, data that is missing, and a file that is there already are refused', async () => {
  const none = join(folder, 'none.json');
  writeFileSync(none, '{"weights": "many"}');
  const generated = await foretoken(['generate', 'text', '--model', MODEL, '--judge', none]);
  assert.is(generated.code, 2);
  assert.match(generated.stderr, /error\[usage.option\]: --judge .* expected what foretoken train judge writes/);
  const train = ['train', 'judge', '--model', MODEL];
  assert.match((await foretoken(train)).stderr, 'error[usage.option]: expected --data');
  const missing = await foretoken([...train, '--data', join(folder, 'no.txt'), '--out', join(folder, 'new.json')]);
  assert.match(missing.stderr, 'error[source.read]');
  assert.match((await foretoken([...train, '--data', none, '--out', none])).stderr, 'error[usage.argument]');
  assert.match((await foretoken(['train', 'nothing'])).stderr, 'error[usage.command]');
});

test.run();
