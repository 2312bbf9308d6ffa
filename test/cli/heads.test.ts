/** Draft heads on the command line. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, test } from '../harness.ts';
import { headConfig, headFiles, randomWeights } from '../heads/made-heads.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { foretoken } from './command.ts';

const MODEL = fixturePath('test-300k');
const PROMPT = ['--model', MODEL, '--prompt-ids', '1,2,3,4,1,2,3', '--max-tokens', '12'];

const folder = mkdtempSync(join(tmpdir(), 'foretoken-heads-'));
test.after(() => rmSync(folder, { recursive: true }));
const config = headConfig('hydra', { accuracy: [[0.5, 0.2], [0.4, 0.2], [0.3]] });
for (const [name, bytes] of Object.entries(headFiles(config, randomWeights(config, 1)))) {
  writeFileSync(join(folder, name), bytes);
}

async function generated(...parameters: string[]) {
  const { code, stdout, stderr } = await foretoken(['generate', ...PROMPT, '--json', ...parameters]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout);
}

test('a head drafts beside auto, alone, or at its place among others, in every kind of tree', async () => {
  const plain = await generated('--draft', 'none');
  const head = ['--draft-heads', folder];
  const names = async (...parameters: string[]) => {
    const { tokens, stats } = await generated(...head, ...parameters);
    assert.equal(tokens, plain.tokens);
    return Object.keys(stats.sources);
  };
  assert.equal(await names(), ['lookup', 'recycle', 'hydra', 'several']);
  assert.equal(await names('--draft', 'head'), ['hydra']);
  assert.equal(await names('--draft', 'head,lookup', '--head-tree', 'fixed'), ['hydra', 'lookup', 'several']);
  assert.equal(await names('--draft', 'lookup', '--head-tree', 'beam:2x2'), ['lookup', 'hydra', 'several']);
  assert.equal(await names('--draft', 'head', '--head-tree', 'likeliest:3'), ['hydra']);
});

test('bench measures a head', async () => {
  const parameters = ['--draft-heads', folder, '--draft', 'head', '--rounds', '1', '--json'];
  const { code, stdout, stderr } = await foretoken(['bench', ...PROMPT, ...parameters]);
  assert.is(code, 0, stderr);
  const { draft, sameTokens, stats } = JSON.parse(stdout);
  assert.is(draft, 'hydra');
  assert.ok(sameTokens);
  assert.ok(stats.num_draft_tokens > 0);
});

test('what is no head, no tree or nothing to draft with is told', async () => {
  const cases = [
    [['--draft-heads', folder, '--draft', 'none'], 'usage.option'],
    [['--draft-heads', folder, '--head-tree', 'wide'], 'usage.option'],
    [['--draft-heads', folder, '--head-tree', 'likeliest:3x4'], 'usage.option'],
    [['--draft-heads', folder, '--head-tree', 'beam:0'], 'option.range'],
    [['--head-tree', 'fixed'], 'usage.option'],
    [['--draft', 'head'], 'option.range'],
    [['--draft-heads', join(folder, 'none')], 'source.missing'],
    [['--draft-heads', MODEL], 'config.unsupported'],
  ] as const;
  for (const [parameters, expected] of cases) {
    const { code, stderr } = await foretoken(['generate', ...PROMPT, ...parameters]);
    assert.match(stderr, `error[${expected}]`, parameters.join(' '));
    assert.is.not(code, 0);
  }
});

test.run();
