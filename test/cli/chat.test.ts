/** `foretoken chat` over a pipe, and the prompt cache of commands. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chatFiles, chatModel } from '../chat/chat-model.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { assert, test } from '../harness.ts';
import { foretoken } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'foretoken-chat-'));
for (const [name, bytes] of Object.entries(chatFiles())) writeFileSync(join(folder, name), bytes);
test.after(() => rmSync(folder, { recursive: true }));

const CHAT = ['chat', '--model', folder, '--context', '512', '--draft', 'none'];
const chat = (input: string, ...parameters: string[]) => foretoken([...CHAT, ...parameters], { input });

/** `[tokens, cached]` of each prompt that --stats tells of. */
const prompts = (stderr: string) =>
  [...stderr.matchAll(/^prompt: (\d+) tokens, (\d+) of them in the cache/gm)].map(([, tokens, cached]) => [
    Number(tokens),
    Number(cached),
  ]);

interface Asked {
  readonly system?: string;
  readonly context?: number;
  /** Of each answer; default 8. */
  readonly maxTokens?: readonly number[];
}

/** The answers of the library. */
async function answers(questions: readonly string[], { system, context = 512, maxTokens = [] }: Asked = {}) {
  const model = await chatModel(undefined, { context });
  const messages: { role: 'user' | 'assistant' | 'system'; content: string }[] = system
    ? [{ role: 'system', content: system }]
    : [];
  const all: string[] = [];
  for (const [turn, content] of questions.entries()) {
    messages.push({ role: 'user', content });
    const answer = await model.chat(messages, { maxTokens: maxTokens[turn] ?? 8, draft: 'none' });
    all.push(await answer.text());
    messages.push({ role: 'assistant', content: await answer.text() });
  }
  return all;
}

test('each line is a message, answered as the library answers it; a later one computes only what is new', async () => {
  const { code, stdout, stderr } = await chat('Hello\n\nAnd you?\n', '--max-tokens', '8', '--stats');
  assert.is(code, 0, stderr);
  assert.is(stdout, (await answers(['Hello', 'And you?'])).map((answer) => `${answer}\n`).join(''));
  const [first, second] = prompts(stderr);
  assert.is(first![1], 0);
  assert.ok(second![1]! >= first![0]!, `${second![1]} of ${second![0]} were in the cache`);
  assert.match(stderr, /^\(cut: --max-tokens/m);
});

test('/reset forgets messages, /system changes the system message, /exit ends, anything else is told', async () => {
  const { code, stdout, stderr } = await chat(
    'Hello\n/reset\n/system Be brief.\nHello\n/what\n/exit\nnever\n',
    '--max-tokens',
    '8',
  );
  assert.is(code, 0, stderr);
  assert.is(
    stdout,
    [...(await answers(['Hello'])), ...(await answers(['Hello'], { system: 'Be brief.' }))]
      .map((answer) => `${answer}\n`)
      .join(''),
  );
  assert.match(stderr, /^unknown command \/what: expected \/reset, \/system TEXT, \/exit$/m);
  const given = await chat('Hello\n', '--max-tokens', '8', '--system', 'Be brief.');
  assert.is(given.stdout, `${(await answers(['Hello'], { system: 'Be brief.' }))[0]}\n`);
});

test('ctrl-C stops the answer and not the program', async () => {
  const options = ['--context', '2048', '--draft', 'none', '--max-tokens', '900', '--stats'];
  const { code, stdout, stderr } = await foretoken(['chat', '--model', folder, ...options], {
    input: 'Hello\nAgain\n',
    onOutput: (child) => child.kill('SIGINT'),
  });
  assert.is(code, 0, stderr);
  const lengths = [...stderr.matchAll(/^(\d+) tokens, .+ a pass$/gm)].map(([, tokens]) => Number(tokens));
  assert.is(lengths.length, 2, 'the second message is answered, too');
  assert.ok(lengths[0]! < 900, `${lengths[0]} tokens of the first answer`);
  const whole = await answers(['Hello', 'Again'], { context: 2048, maxTokens: [lengths[0]!, 900] });
  assert.is(stdout, whole.map((answer) => `${answer}\n`).join(''), 'in full, after as much as there was of the first');
});

test('a model without a template is refused before a message is read, unless one is named', async () => {
  const model = fixturePath('test-300k');
  const none = await foretoken(['chat', '--model', model], { input: 'Hello\n' });
  assert.is(none.code, 2);
  assert.match(none.stderr, /^error\[prompt\.tokenizer\]: [^\n]+\n$/);
  const plain = mkdtempSync(join(tmpdir(), 'foretoken-plain-'));
  for (const [name, bytes] of Object.entries(chatFiles(null))) writeFileSync(join(plain, name), bytes);
  const outcome = await foretoken(['chat', '--model', plain], { input: 'Hello\n' });
  assert.is(outcome.code, 1);
  assert.is(outcome.stdout, '');
  assert.match(outcome.stderr, /^error\[chat\.template\]: [^\n]+\n$/);
  const named = await foretoken(['chat', '--model', plain, '--template', 'chatml', '--max-tokens', '2'], {
    input: 'Hello\n',
  });
  assert.is(named.code, 0, named.stderr);
  const wrong = await foretoken(['chat', '--model', plain, '--template', 'x'], { input: 'Hello\n' });
  assert.is(wrong.code, 2);
  assert.match(wrong.stderr, /^error\[option\.range\]: template: [^\n]+\n$/);
  rmSync(plain, { recursive: true });
});

test('--prompt-cache keeps what was computed from one run to the next, with the same text', async () => {
  const file = join(folder, 'cache');
  const options = ['--max-tokens', '8', '--stats', '--prompt-cache', file];
  const [first, second] = [await chat('Hello\n', ...options), await chat('Hello\n', ...options)];
  assert.is(first.code, 0, first.stderr);
  assert.is(second.stdout, first.stdout);
  const [[tokens, none], [again, cached]] = [prompts(first.stderr)[0]!, prompts(second.stderr)[0]!];
  assert.equal([none, again, cached], [0, tokens, tokens! - 1]);

  const generate = () => foretoken(['generate', 'Once upon a time', '--model', folder, '--context', '512', ...options]);
  const [one, two] = [await generate(), await generate()];
  assert.is(one.code, 0, one.stderr);
  assert.is(two.stdout, one.stdout);
  assert.equal(
    [prompts(one.stderr)[0], prompts(two.stderr)[0]],
    [
      [16, 0],
      [16, 15],
    ],
  );

  writeFileSync(file, readFileSync(file).subarray(4));
  const damaged = await chat('Hello\n', ...options);
  assert.is(damaged.code, 1);
  assert.match(damaged.stderr, /^error\[cache\.file\]: [^\n]+\n$/);
});

test.run();
