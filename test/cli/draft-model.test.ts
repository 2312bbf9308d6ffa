/** A draft model and acceptance rules on the command line, and the comparison of ways to draft. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chatFiles } from '../chat/chat-model.ts';
import { assert, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { foretoken } from './command.ts';

const MODEL = fixturePath('test-300k');
const PROMPT = ['--model', MODEL, '--prompt-ids', '1,2,3,4,1,2,3'];

async function generated(...parameters: string[]) {
  const { code, stdout, stderr } = await foretoken([
    'generate',
    ...PROMPT,
    '--json',
    '--max-tokens',
    '16',
    ...parameters,
  ]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout);
}

test('a model that drafts for itself is accepted whole by speculative sampling; greedy tokens stay the same', async () => {
  const own = ['--draft-model', MODEL];
  const sampled = await generated(...own, '--verify', 'speculative', '--temperature', '1', '--seed', '1');
  assert.equal(sampled.stats.sources['draft-model'].drafted, sampled.stats.num_draft_tokens);
  // Four drafts and the model's own token a pass; the last pass has room for no more than 0.
  assert.is(sampled.stats.passes, 4);
  const [plain, drafted] = [
    await generated('--draft', 'none'),
    await generated(...own, '--draft-shape', 'likeliest:2,1,1'),
  ];
  assert.equal(drafted.tokens, plain.tokens);
  assert.ok(drafted.stats.num_accepted_tokens > 0);
  const superposed = await generated(...own, '--draft-shape', 'superposed:3x4');
  assert.equal(superposed.tokens, plain.tokens);
  assert.ok(superposed.stats.sources.superposed.accepted > 0);
});

test('what fits no rule, no shape or no vocabulary is bad usage', async () => {
  const own = ['--draft-model', MODEL];
  const cases = [
    [['--verify', 'often'], 'usage.option'],
    [['--verify', 'k-seq:3'], 'usage.option'],
    [['--verify', 'lossy-lenience:2'], 'option.range'],
    [[...own, '--draft-shape', 'chains:3'], 'usage.option'],
    [[...own, '--draft-shape', 'superposed:9x4'], 'option.range'],
    [[...own, '--draft-shape', 'beam:2x2', '--verify', 'k-seq'], 'option.verifier'],
    [['--draft-model', fixturePath('grouped')], 'option.draft'],
  ] as const;
  for (const [parameters, expected] of cases) {
    const { code, stderr } = await foretoken(['generate', ...PROMPT, '--max-tokens', '2', ...parameters]);
    assert.match(stderr, `error[${expected}]`);
    assert.is(code, 2);
  }
});

test('a draft model of another vocabulary changes no token, and is told of', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-bytes-'));
  for (const [name, bytes] of Object.entries(chatFiles())) writeFileSync(join(folder, name), bytes);
  const run = async (...parameters: string[]) => {
    const base = ['generate', 'export function add(a, b) {', '--model', folder, '--context', '256', '--json'];
    const { code, stdout, stderr } = await foretoken([...base, '--max-tokens', '12', ...parameters]);
    assert.is(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const plain = await run('--draft', 'none');
  const byText = await run('--draft-model', 'foretoken-code', '--draft-shape', 'likeliest:2,2');
  assert.equal(byText.tokens, plain.tokens);
  assert.ok(byText.stats.num_draft_tokens > 0);
  assert.match(byText.stats.schedule, /; draft-model: \d+ of \d+ tokens in common, drafts go by text$/);
  const drawn = await run('--draft-model', 'foretoken-code', '--verify', 'speculative');
  assert.equal(drawn.tokens, plain.tokens);
  assert.match(drawn.stats.schedule, /tokens in common, drafts are drawn from them$/);
  rmSync(folder, { recursive: true });
});

test('--stats names the rule and what it promises', async () => {
  const { stderr } = await foretoken([
    'generate',
    ...PROMPT,
    '--max-tokens',
    '4',
    '--stats',
    '--verify',
    'lossy-typical',
  ]);
  assert.match(stderr, 'verifier: lossy-typical, lossy');
});

test('acceptance compares every rule with 1 to 4 drafts; a model is the best drafter of itself', async () => {
  const text = Array.from({ length: 24 }, (_, i) => (i * 5) % 90).join();
  const parameters = ['--model', MODEL, '--draft-model', MODEL, '--prompt-ids', text, '--positions', '6'];
  const { code, stdout, stderr } = await foretoken(['acceptance', ...parameters, '--json']);
  assert.is(code, 0, stderr);
  const { positions, gains } = JSON.parse(stdout);
  assert.is(positions, 6);
  assert.is(gains.length, 20);
  for (const { rule, count, acceptance, optimum } of gains) {
    if (rule !== 'without-replacement') assert.ok(acceptance <= optimum + 1e-9, `${rule} ${count}`);
    if (rule === 'speculative') assert.ok(acceptance > 0.999999);
  }
  const told = await foretoken(['acceptance', ...parameters]);
  assert.match(told.stdout, /greedy-multi-draft +topAndOne/);
  assert.match(told.stdout, /6 positions/);
  const without = await foretoken(['acceptance', ...PROMPT]);
  assert.is(without.code, 2);
});

test.run();
