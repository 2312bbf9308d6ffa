/** `foretoken chat` in a terminal: what keys do, at the prompt and while an answer comes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chatFiles } from '../chat/chat-model.ts';
import { assert, test } from '../harness.ts';
import { foretoken } from './command.ts';
import { CTRL_C, CTRL_D, ENTER, inTerminal, plainText, UP } from './pseudo-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'foretoken-terminal-'));
for (const [name, bytes] of Object.entries(chatFiles())) writeFileSync(join(folder, name), bytes);
test.after(() => rmSync(folder, { recursive: true }));

const CHAT = ['chat', '--model', folder, '--context', '2048', '--draft', 'none', '--stats'];
/** A line of `--stats` comes after each answer, and then the next message is asked for. */
const ANSWERED = /schedule: .*\n> $/;
const PROMPT = /> $/;
const WARNED = /ends\.\n> $/;

/** Tokens of the prompt and of the answer, for each answer that --stats tells of. */
function answers(shown: string): { readonly prompt: number; readonly cached: number; readonly tokens: number }[] {
  const told = plainText(shown).matchAll(/(\d+) tokens, .+ a pass\nprompt: (\d+) tokens, (\d+) of them in the cache/g);
  return Array.from(told, ([, tokens, prompt, cached]) => ({
    tokens: Number(tokens),
    prompt: Number(prompt),
    cached: Number(cached),
  }));
}

test('arrow up brings back the message before, and ctrl-D ends behind the prompt', async () => {
  const { code, stdout } = await inTerminal(
    [...CHAT, '--max-tokens', '4'],
    [
      { after: PROMPT, type: `Hello${ENTER}` },
      { after: ANSWERED, type: `${UP} again${ENTER}` },
      { after: ANSWERED, type: `${UP}${UP}${ENTER}` },
      { after: ANSWERED, type: CTRL_D },
    ],
  );
  assert.is(code, 0, stdout);
  const lines = plainText(stdout).split('\n');
  assert.ok(
    lines.some((line) => line.endsWith('> Hello again')),
    'the line before, edited',
  );
  assert.is(lines.filter((line) => line.endsWith('> Hello')).length, 2, 'and the one before that');
  assert.is(answers(stdout).length, 3);
  assert.match(plainText(stdout), /\n> \n$/, 'what the shell writes next begins a line');
});

test('ctrl-C stops the answer and keeps it: the conversation goes on from there', async () => {
  const { code, stdout } = await inTerminal(
    [...CHAT, '--max-tokens', '1200'],
    [
      { after: PROMPT, type: `Hello${ENTER}` },
      { after: /Hello\n.*\S{4}$/s, type: CTRL_C },
      { after: ANSWERED, type: `And you?${ENTER}` },
      { after: /And you\?\n.*\S{4}$/s, type: CTRL_C },
      { after: ANSWERED, type: `/exit${ENTER}` },
    ],
  );
  assert.is(code, 0, stdout);
  const [first, second] = answers(stdout);
  assert.ok(first!.tokens < 1200, `${first!.tokens} tokens of the first answer`);
  assert.ok(second!.prompt >= first!.prompt, 'the second prompt has what there was of the first answer');
  assert.ok(second!.cached >= first!.prompt - 1, 'and does not compute it again');
});

test('ctrl-C at the prompt throws the line away and warns; a second one ends with the code of an interrupted program', async () => {
  const { code, stdout } = await inTerminal(
    [...CHAT, '--max-tokens', '4'],
    [
      { after: PROMPT, type: `never sent${CTRL_C}` },
      { after: WARNED, type: `Hello${ENTER}` },
      { after: ANSWERED, type: CTRL_C },
      { after: WARNED, type: CTRL_C },
    ],
  );
  assert.is(code, 130, stdout);
  const text = plainText(stdout);
  assert.is(text.split('Ctrl-C again, or /exit, ends.').length - 1, 2, 'a message in between takes the first one back');
  assert.is(answers(stdout).length, 1);
  const alone = await foretoken([...CHAT, '--max-tokens', '4'], { input: 'Hello\n' });
  assert.is(answers(stdout)[0]!.prompt, answers(alone.stderr)[0]!.prompt, 'what was thrown away was not sent');
});

test('what goes wrong is told, and does not end the conversation', async () => {
  const short = ['chat', '--model', folder, '--context', '64', '--draft', 'none', '--stats', '--max-tokens', '2'];
  const { code, stdout } = await inTerminal(short, [
    { after: PROMPT, type: `${'too long '.repeat(12)}${ENTER}` },
    { after: /error\[prompt\.length\]: .*\n> $/, type: `/what${ENTER}` },
    { after: /unknown command .*\n> $/, type: `Hello${ENTER}` },
    { after: ANSWERED, type: `/exit${ENTER}` },
  ]);
  assert.is(code, 0, stdout);
  const alone = await foretoken(short, { input: 'Hello\n' });
  assert.is(answers(stdout)[0]!.prompt, answers(alone.stderr)[0]!.prompt, 'the message that failed is forgotten');
});

test.run();
