import { assert, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { foretoken } from './command.ts';

async function bench(...parameters: string[]) {
  const { code, stdout, stderr } = await foretoken(['bench', ...parameters]);
  assert.is(code, 0, stderr);
  assert.is(stderr, '');
  return stdout;
}

test('bench --json gives both speeds, their ratio with an interval, and the cost curve', async () => {
  const result = JSON.parse(
    await bench(
      '--model',
      fixturePath('test-300k'),
      '--max-tokens',
      '24',
      '--rounds',
      '2',
      '--draft',
      'recycle',
      '--json',
    ),
  );
  assert.is(result.sameTokens, true);
  assert.equal([result.dtype, result.kv], ['q8', 'f32']);
  assert.is(result.newTokens, 24);
  assert.is(result.draft, 'recycle');
  assert.ok(result.plainTokensPerSecond > 0 && result.tokensPerSecond > 0);
  const { low, estimate, high } = result.speedUp;
  assert.ok(0 < low && low <= estimate && estimate <= high);
  assert.equal(
    result.costCurve.map(({ nodes }: { nodes: number }) => nodes),
    [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64],
  );
  assert.ok(result.stats.num_draft_tokens > 0);
});

test('--synthetic-acceptance 1 on random weights accepts every drafted token, 0 none', async () => {
  const run = async (rate: string) => {
    const parameters = [
      '--shape',
      'tiny',
      '--synthetic-acceptance',
      rate,
      '--draft-tokens',
      '4',
      '--max-tokens',
      '20',
      '--rounds',
      '1',
      '--json',
    ];
    return JSON.parse(await bench(...parameters)).stats;
  };
  const always = await run('1');
  assert.is(always.num_accepted_tokens, always.num_draft_tokens);
  assert.is(always.passes, 4, '20 tokens in passes of 4 drafted ones and the own one');
  const never = await run('0');
  assert.is(never.num_accepted_tokens, 0);
  assert.is(never.passes, 20);
});

test('without --json it is a report for people', async () => {
  const report = await bench('--shape', 'tiny', '--kv', 'f16', '--max-tokens', '8', '--rounds', '1');
  for (const line of [
    /^tiny, q8, cache in f16, threads: 1, prompt of 64 tokens, 8 new ones/,
    /^same tokens both ways: yes$/m,
    /^plain +[\d.]+$/m,
    /^speed-up [\d.]+, 95% interval/m,
    /^T\(n\)\/T\(1\) +1\.00 /m,
  ]) {
    assert.match(report, line);
  }
});

test.run();
