import { assert, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { foretoken } from './command.ts';

const COMMAND = ['generate', '--model', fixturePath('test-300k'), '--prompt-ids', '1,2,3,4,1,2,3'];

test('--completions prints a line for each continuation, best first', async () => {
  const { code, stdout, stderr } = await foretoken([...COMMAND, '--completions', '3', '--max-tokens', '5']);
  assert.is(code, 0, stderr);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.is(lines.length, 3);
  for (const line of lines) {
    assert.equal(Object.keys(line), ['tokens', 'score', 'finishReason']);
    assert.is(line.tokens.length, 5);
  }
  assert.ok(lines[0].score >= lines[1].score && lines[1].score >= lines[2].score);
});

test('what is out of range, or belongs to other texts, is bad usage', async () => {
  const many = await foretoken([...COMMAND, '--completions', '9']);
  assert.is(many.code, 2);
  assert.match(many.stderr, 'error[option.range]');
  const drafted = await foretoken([...COMMAND, '--completions', '2', '--draft', 'lookup']);
  assert.is(drafted.code, 2);
  assert.match(drafted.stderr, '--draft does not go with --completions');
});

test.run();
