/**
 * What `npm start` shows: the same prompts decoded plainly and speculatively, one after the other, with the embedded model.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { load } from '../dist/index.js';
import { root } from './lib/repository.mjs';

/** Which of the held-out edits is shown: of a function from a package that the model was not trained on, and one of those that it gets right. */
const EDIT = 191;
const COMPLETION = `/** Euclid's algorithm. */
export function greatestCommonDivisor(a: number, b: number): number {
`;

const colours = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code, text) => (colours && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text);
const bold = (text) => paint(1, text);
const quiet = (text) => paint(2, text);
const green = (text) => paint(32, text);
const print = (text) => process.stdout.write(text);

/** Text as it comes; what a pass brought more than one token of is green. */
async function show(name, generation) {
  print(`\n${bold(name)}\n`);
  for await (const { text, tokens } of generation) print(tokens.length > 1 ? green(text) : text);
  const { stats } = generation;
  const drafted = stats.num_draft_tokens;
  const acceptance = drafted > 0 ? `, ${stats.num_accepted_tokens} of ${drafted} guessed tokens accepted` : '';
  print(
    `\n${quiet(`── ${stats.newTokens} tokens, ${stats.tokensPerSecond.toFixed(0)} tokens/s, ${stats.blockEfficiency.toFixed(2)} tokens a pass${acceptance}`)}\n`,
  );
  return { text: await generation.text(), stats };
}

/** @returns speculative over plain tokens/s */
async function compare(model, prompt, options) {
  const plain = await show('Plain: one token a pass', model.generate(prompt, { ...options, draft: 'none' }));
  const speculative = await show(
    'Speculative: what was guessed right is green',
    model.generate(prompt, { ...options, draft: 'auto' }),
  );
  if (plain.text !== speculative.text) throw new Error('the two texts differ: this is a bug, please report it');
  return { text: plain.text, ratio: speculative.stats.tokensPerSecond / plain.stats.tokensPerSecond };
}

const model = await load(join(root, 'weights/foretoken-code'));
const parameters = `${(model.memory.weights / 1e6).toFixed(0)} MB of weights`;
print(
  `${bold('foretoken-code')}, ${model.config.layers} layers, ${parameters}, Node ${process.versions.node}, one thread\n`,
);

// Before anything is timed, the runtime compiles the kernels for speed.
await model.generate(COMPLETION, { maxTokens: 64, draft: 'none' }).text();

const edits = readFileSync(join(root, 'weights/recipe/edits-heldout.jsonl'), 'utf8').split('\n');
const { instruction, before, after, package: origin } = JSON.parse(edits[EDIT]);
print(
  `\n${bold('1. An edit')} ${quiet(`of a function of ${origin}, which the model has not seen in training`)}\n\n${quiet(before)}\n\n${instruction}\n`,
);
const editPrompt = `### Instruction\n${instruction}\n### Before\n${before}\n### After\n`;
const edit = await compare(model, editPrompt, { maxTokens: 320, stop: '\n### End' });
print(
  quiet(
    edit.text === after ? 'The edit is right, character for character.\n' : 'The edit is not what was asked for.\n',
  ),
);

print(`\n${bold('2. A completion')} ${quiet('of which the prompt tells nothing')}\n\n${quiet(COMPLETION)}`);
const completion = await compare(model, COMPLETION, { maxTokens: 96 });

const times = ({ ratio }) => `${ratio.toFixed(2)} times the speed`;
print(
  `\n${bold(`Same text both ways. Speculation gave ${times(edit)} on the edit, ${times(completion)} on the completion.`)}\n` +
    `${quiet('One run each, on this machine as it is now: docs/performance.md tells how to measure with care.')}\n`,
);
