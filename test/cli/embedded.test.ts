import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { assert, repositoryFile, test } from '../harness.ts';
import { foretoken } from './command.ts';

const MODEL = ['--model', repositoryFile('weights/foretoken-code')];
const PROMPT =
  'export function clamp(value: number, low: number, high: number): number {\n  return Math.min(Math.max(value, low)';
const LENGTH = ['--max-tokens', '40'];

async function json(...parameters: string[]) {
  const { code, stdout, stderr } = await foretoken(['generate', ...MODEL, ...LENGTH, '--json', ...parameters]);
  assert.is(code, 0, stderr);
  return JSON.parse(stdout);
}

test('--json has the text, and the streamed text is the same, whether the prompt is an argument, a file or stdin', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-'));
  try {
    const file = join(folder, 'prompt.txt');
    writeFileSync(file, PROMPT);
    const { text, tokens, promptTokens } = await json(PROMPT);
    assert.type(text, 'string');
    assert.ok(text.length > 0 && tokens.length > 0 && promptTokens > 5);
    const streamed = { code: 0, stdout: text, stderr: '' };
    const generate = ['generate', ...MODEL, ...LENGTH];
    assert.equal(await foretoken([...generate, PROMPT]), streamed);
    assert.equal(await foretoken([...generate, '--file', file]), streamed);
    assert.equal(await foretoken(generate, { input: PROMPT }), streamed);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('every way of drafting gives the same text', async () => {
  const [plain, ...others] = await Promise.all(
    ['none', 'auto', 'lookup,recycle'].map((draft) => json(PROMPT, '--draft', draft)),
  );
  for (const other of others) assert.equal([other.text, other.tokens], [plain.text, plain.tokens]);
});

test('--stop ends the text before the string, with finish reason stop', async () => {
  const whole = await json(PROMPT);
  const stop = whole.text.slice(6, 9);
  const { text, finishReason } = await json(PROMPT, '--stop', stop, '--stop', 'never to be found');
  assert.is(text, whole.text.slice(0, whole.text.indexOf(stop)));
  assert.is(finishReason, 'stop');
});

test('inspect names the tokenizer', async () => {
  const { code, stdout } = await foretoken(['inspect', MODEL[1]!]);
  assert.is(code, 0);
  assert.match(stdout, /^tokenizer +byte-level BPE, [\d ]+ tokens, /m);
});

test.run();
