import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { foretoken } from './command.ts';

const MODEL = fixturePath('test-300k');
const PROMPT = ['--model', MODEL, '--prompt-ids', '1,2,3,4,1,2,3'];

async function json(...parameters: string[]) {
  const { code, stdout, stderr } = await foretoken(['generate', ...PROMPT, '--json', ...parameters]);
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  assert.is(stdout.split('\n').length, 2, 'one line');
  return JSON.parse(stdout);
}

test('--json prints one object with tokens, promptTokens, finishReason, stats and threads; text is left out with token ids', async () => {
  const result = await json('--max-tokens', '12');
  assert.equal(Object.keys(result), ['tokens', 'promptTokens', 'finishReason', 'stats', 'threads']);
  assert.is(result.tokens.length, 12);
  assert.ok(result.tokens.every((token: unknown) => Number.isInteger(token)));
  assert.is(result.promptTokens, 7);
  assert.is(result.finishReason, 'length');
  const names = [
    'num_drafts',
    'num_draft_tokens',
    'num_accepted_tokens',
    'mean_acceptance_length',
    'acceptance_histogram',
  ];
  for (const name of names) assert.ok(name in result.stats, name);
  assert.is(result.stats.newTokens, 12);
});

test('every way of drafting gives the same tokens, greedy and seeded', async () => {
  const sampling = ['--temperature', '0.9', '--top-k', '40', '--top-p', '0.95', '--min-p', '0.01', '--seed', '7'];
  for (const [draws, drafts] of [
    [[], ['auto', 'lookup', 'recycle', 'lookup,recycle']],
    [sampling, ['lookup,recycle']],
  ] as const) {
    const run = (draft: string) => json('--max-tokens', '48', '--draft', draft, ...draws);
    const [plain, ...others] = await Promise.all(['none', ...drafts].map(run));
    assert.is(plain.tokens.length, 48);
    for (const [i, other] of others.entries())
      assert.equal(other.tokens, plain.tokens, `${drafts[i]} ${draws.join(' ')}`);
    const { stats } = others.at(-1)!;
    assert.ok(stats.num_draft_tokens > 0, 'something was drafted, so something was compared');
    assert.ok('lookup' in stats.sources && 'recycle' in stats.sources);
  }
});

test('two threads give the same tokens, and are told of; no threads at all is bad usage', async () => {
  const [one, two] = [await json('--max-tokens', '24'), await json('--max-tokens', '24', '--threads', '2')];
  assert.equal([one.threads, two.threads], [1, 2]);
  assert.equal(two.tokens, one.tokens);
  const { stderr } = await foretoken(['generate', ...PROMPT, '--max-tokens', '2', '--threads', '2', '--stats']);
  assert.match(stderr, /^threads: 2$/m);
  for (const wrong of ['0', 'two', '1.5']) {
    const { stderr: refusal } = await foretoken(['generate', ...PROMPT, '--threads', wrong]);
    assert.match(refusal, /^error\[option\.range\]: threads: [^\n]*\n$/);
  }
});

test('other seeds give other tokens', async () => {
  const sampled = (seed: string) => json('--max-tokens', '24', '--temperature', '1.5', '--seed', seed);
  const [first, second] = await Promise.all([sampled('1'), sampled('2')]);
  assert.not.equal(first.tokens, second.tokens);
});

test('without --json the output is the list that --prompt-ids takes, and stderr has nothing to say', async () => {
  const { tokens } = await json('--max-tokens', '9');
  assert.equal(await foretoken(['generate', ...PROMPT, '--max-tokens', '9']), {
    code: 0,
    stdout: `${tokens.join(',')}\n`,
    stderr: '',
  });
});

test('--stats tells on stderr how it went', async () => {
  const { code, stderr } = await foretoken([
    'generate',
    ...PROMPT,
    '--max-tokens',
    '9',
    '--stats',
    '--draft',
    'recycle',
  ]);
  assert.is(code, 0);
  assert.match(stderr, /^9 tokens, [\d.]+ tokens\/s, [\d.]+ tokens a pass$/m);
  assert.match(stderr, /^prompt: 7 tokens, /m);
});

test('values that the library refuses are bad usage, with its code', async () => {
  const cases: [string[], string][] = [
    [['--max-tokens', '0'], 'option.range'],
    [['--temperature=-1'], 'option.range'],
    [['--draft', 'psychic'], 'option.range'],
    [['--dtype', 'q3'], 'option.range'],
    [['--context', '100000'], 'option.range'],
    [['--stop', 'x'], 'option.stop'],
  ];
  const outcomes = await Promise.all(cases.map(([parameters]) => foretoken(['generate', ...PROMPT, ...parameters])));
  for (const [i, { code, stdout, stderr }] of outcomes.entries()) {
    const [parameters, expected] = cases[i]!;
    assert.is(code, 2, `${parameters.join(' ')}: ${stderr}`);
    assert.match(stderr, new RegExp(`^error\\[${expected}\\]: [^\\n]+\\n$`));
    assert.is(stdout, '');
  }
});

test('prompts that the model cannot take are bad usage: unknown ids, text without a tokenizer', async () => {
  const id = await foretoken(['generate', '--model', MODEL, '--prompt-ids', '1,512']);
  assert.is(id.code, 2);
  assert.match(id.stderr, /^error\[prompt\.token\]: [^\n]+\n$/);
  const text = await foretoken(['generate', '--model', MODEL, 'hello']);
  assert.is(text.code, 2);
  assert.match(text.stderr, /^error\[prompt\.tokenizer\]: [^\n]+\n$/);
});

test('a model that is missing or broken is a failure: exit code 1, one line, no stack', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-'));
  try {
    writeFileSync(join(folder, 'config.json'), '{"model_type": ');
    for (const [model, code] of [
      ['/nowhere/at/all', 'source.missing'],
      [folder, 'file.json'],
    ]) {
      const outcome = await foretoken(['generate', '--model', model!, '--prompt-ids', '1']);
      assert.is(outcome.code, 1);
      assert.match(outcome.stderr, new RegExp(`^error\\[${code}\\]: [^\\n]+\\n$`));
      assert.not.match(outcome.stderr, / {4}at /);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a prompt comes from stdin or a file as well; a file that is missing or not UTF-8 is refused', async () => {
  // The fixture has no tokenizer: that its text arrived shows in the complaint about it.
  for (const parameters of [[], ['-']]) {
    const outcome = await foretoken(['generate', '--model', MODEL, ...parameters], { input: 'hello' });
    assert.match(outcome.stderr, /^error\[prompt\.tokenizer\]/);
  }
  const bytes = await foretoken(['generate', '--model', MODEL], { input: Uint8Array.of(0x61, 0xff) });
  assert.is(bytes.code, 2);
  assert.match(bytes.stderr, /^error\[usage\.prompt\]: prompt from "stdin" is not UTF-8\n$/);
  const missing = await foretoken(['generate', '--model', MODEL, '--file', '/nowhere/prompt.txt']);
  assert.is(missing.code, 1);
  assert.match(missing.stderr, /^error\[source\.read\]: [^\n]*ENOENT\n$/);
});

test('ctrl-C ends a generation with exit code 130, and what there is of it is kept', async () => {
  const outcome = await foretoken(['generate', ...PROMPT], { onOutput: (child) => child.kill('SIGINT') });
  assert.is(outcome.code, 130, outcome.stderr);
  assert.is(outcome.stderr, '');
  assert.match(outcome.stdout, /^\d+(,\d+)*\n$/);
  assert.ok(outcome.stdout.split(',').length < 249, 'ended before the context was full');
});

test('a reader that goes away ends a generation quietly', async () => {
  const outcome = await foretoken(['generate', ...PROMPT], { onOutput: (child) => child.stdout!.destroy() });
  assert.is(outcome.code, 0, outcome.stderr);
  assert.is(outcome.stderr, '');
});

test.run();
