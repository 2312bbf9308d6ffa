/** The prompts of the benchmarks: what they promise, and how long ones are cut. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROMPT_KINDS, setCases, setPrompts } from '../../bench/shared/prompt-set.ts';
import { repository } from '../../bench/shared/prompts.ts';
import { cutPrompt, questionCases, questions, questionsOf, TASKS } from '../../bench/spec-bench/questions.ts';
import { BenchModel } from '../../src/cli/bench-model.ts';
import { assert, random, randomInt, test } from '../harness.ts';

const MAX_TOKENS = 128;
const model = await BenchModel.load(join(repository, 'weights/foretoken-code'));
const { context } = model.session;

test('there are 20 prompts of each of six kinds, each with an id, a source and a licence of its own', () => {
  const all = PROMPT_KINDS.flatMap((kind) => setPrompts(kind));
  assert.is(all.length, 120);
  assert.is(new Set(all.map(({ id }) => id)).size, 120);
  assert.is(new Set(all.map(({ prompt }) => prompt)).size, 120);
  for (const { id, kind, source, licence } of all) {
    assert.ok(id.startsWith(kind) && source.length > 0, id);
    assert.is(licence, 'MIT', id);
  }
});

test('code, edits and comments come from packages that the model was not trained on', () => {
  const data = JSON.parse(readFileSync(join(repository, 'weights/recipe/data.json'), 'utf8')) as {
    package: string;
    version: string;
    heldOut: boolean;
  }[];
  const heldOut = new Set(data.filter((row) => row.heldOut).map((row) => `${row.package}@${row.version}`));
  for (const kind of ['code', 'edit', 'docstring'] as const) {
    for (const { source, id } of setPrompts(kind)) {
      assert.ok(
        [...heldOut].some((name) => source.startsWith(`${name}/`)),
        `${id}: ${source}`,
      );
    }
  }
});

test(`every prompt fits the context with ${MAX_TOKENS} more tokens; answers are as long, those of edits end before`, () => {
  for (const kind of PROMPT_KINDS) {
    const given = setCases(model, kind, { text: 'given', maxTokens: MAX_TOKENS });
    const own = setCases(model, kind, { text: 'own', maxTokens: MAX_TOKENS });
    for (const [i, { id, ids, answer, options, reference }] of given.entries()) {
      assert.ok(ids.length >= 8 && ids.length + MAX_TOKENS <= context, `${id}: ${ids.length}`);
      assert.is(options.maxTokens, answer!.length);
      assert.is(own[i]!.options.maxTokens, MAX_TOKENS);
      if (kind !== 'edit') assert.is(answer!.length, MAX_TOKENS, id);
      else assert.ok(answer!.length + 8 <= MAX_TOKENS && reference!.length > 0, id);
    }
  }
});

test('an edit’s reference stands in its prompt, and its answer is another text', () => {
  for (const { id, prompt, reference, answer } of setPrompts('edit')) {
    assert.ok(prompt.endsWith(`### Before\n${reference}\n### After\n`), id);
    assert.not.equal(answer, reference, id);
  }
});

/** What cutting promises. */
function isCut(cut: readonly number[], ids: readonly number[], room: number): boolean {
  if (cut.length !== Math.min(ids.length, room)) return false;
  if (ids.length <= room) return cut.every((id, i) => id === ids[i]);
  const end = Math.floor(room / 2);
  return cut.every((id, i) => id === (i < room - end ? ids[i] : ids[ids.length - room + i]));
}

test('a prompt that is too long keeps its beginning and its end, as many tokens as there is room (seed 7)', () => {
  const next = random(7);
  const faults = [
    (ids: readonly number[], room: number) => ids.slice(0, room),
    (ids: readonly number[], room: number) => ids.slice(-room),
    (ids: readonly number[], room: number) => cutPrompt(ids, room - 1),
  ];
  const seen = faults.map(() => false);
  for (let trial = 0; trial < 200; trial++) {
    const ids = Array.from({ length: 1 + randomInt(next, 40) }, (_, i) => i + 1);
    const room = 2 + randomInt(next, 38);
    assert.ok(isCut(cutPrompt(ids, room), ids, room), `${ids.length} into ${room}`);
    for (const [i, fault] of faults.entries()) seen[i] ||= !isCut(fault(ids, room), ids, room);
  }
  assert.equal(seen, [true, true, true]);
});

test('Spec-Bench has 480 questions, 80 of each task, and a choice of them is spread over its task', () => {
  const all = questions();
  assert.is(all.length, 480);
  assert.equal([all[0]!.question_id, all[479]!.question_id], [81, 560]);
  for (const task of TASKS) assert.is(questionsOf(task, 1000).length, 80, task);
  assert.is(new Set(questionsOf('mt-bench', 8).map(({ category }) => category)).size, 8);
  assert.equal(
    questionsOf('rag', 4).map(({ question_id }) => question_id),
    [481, 501, 521, 541],
  );
});

test('every question fits the context with its answer, and the long ones are cut to it', () => {
  let cut = 0;
  for (const task of TASKS) {
    for (const { ids } of questionCases(model, task, 10, MAX_TOKENS)) {
      assert.ok(ids.length + MAX_TOKENS <= context);
      if (ids.length + MAX_TOKENS === context) cut++;
    }
  }
  assert.ok(cut > 0 && cut < 60, `${cut} of 60`);
});

test.run();
