/** Methods take turns, share no memory, and are caught when they do not keep what they promise. */
import type { SetCase } from '../../bench/shared/prompt-set.ts';
import { checkSame, measure, PLAIN } from '../../bench/spec-bench/measure.ts';
import { drafters, type Method, verifiers } from '../../bench/spec-bench/methods.ts';
import { BenchModel } from '../../src/cli/bench-model.ts';
import { randomModel, SHAPES } from '../../src/cli/random-model.ts';
import { openStore, StoreBuilder } from '../../src/drafters.ts';
import { load } from '../../src/load.ts';
import { lossyTypical } from '../../src/verify/index.ts';
import { rejection } from '../codes.ts';
import { assert, test } from '../harness.ts';

const source = randomModel(SHAPES.tiny!, { context: 128 });
const model = await BenchModel.load(source, { context: 128 });
const { vocab, context } = model.session;
const PROMPTS = [0, 1].map((i) => Array.from({ length: 24 }, (_, at) => (at % (5 + i)) + 7));

function cases(options: SetCase['options']): SetCase[] {
  return PROMPTS.map((ids, i) => ({ id: String(i), kind: 'code', ids, options }));
}

async function ingredients() {
  const builder = new StoreBuilder(vocab);
  builder.add(PROMPTS[0]!);
  builder.endDocument();
  const store = await openStore(new Blob([...builder.pieces()].map((piece) => piece.slice())));
  return { vocab, context, store, draftModel: await load(source, { context: 128 }), draftTokens: 4 };
}

test('every method decodes; who promises plain decoding’s tokens gives them', async () => {
  const all = await ingredients();
  for (const [methods, temperature] of [
    [drafters(all), 0],
    [verifiers(all), 0.7],
  ] as const) {
    const given = cases({ maxTokens: 12, temperature, seed: 1 }).map((one) => ({ ...one, reference: PROMPTS[0]! }));
    const samples = await measure(model, given, methods, 1);
    assert.is(samples.length, 2 * (methods.length + 1));
    assert.equal(new Set(samples.map(({ method }) => method)).size, methods.length + 1);
    for (const { tokens, passes, decodeMs, draftMs, passMs } of samples) {
      assert.ok(tokens === 12 && passes <= tokens && passes > 0);
      assert.ok(decodeMs > 0 && draftMs >= 0 && passMs > 0);
    }
  }
});

test('a method without anything to draft from is left out of the cases that it does not apply to', async () => {
  const methods = drafters(await ingredients());
  const [first, second] = cases({ maxTokens: 4 }) as [SetCase, SetCase];
  const samples = await measure(model, [{ ...first, reference: PROMPTS[0]! }, second], methods, 1);
  const prompts = samples.filter(({ method }) => method === 'reference').map(({ prompt }) => prompt);
  assert.equal(prompts, ['0']);
});

test('a method that says other tokens than it promises is caught', async () => {
  const lossy = { draft: 'recycle', draftTokens: 4, verifier: lossyTypical({ epsilon: 0, delta: 0 }) } as const;
  const liar: Method = { name: 'liar', sameBits: true, start: () => () => lossy };
  const honest: Method = { ...liar, sameBits: false };
  const given = cases({ maxTokens: 40, temperature: 1, seed: 1 });
  assert.is(await rejection(measure(model, given, [liar], 1)), 'bench.tokens');
  await measure(model, given, [honest], 1);
});

test('a difference is seen wherever it is, also where one output is only longer', () => {
  checkSame([1, 2, 3], [1, 2, 3], '');
  for (const other of [
    [1, 2],
    [1, 2, 3, 4],
    [0, 2, 3],
    [1, 2, 4],
  ]) {
    assert.throws(
      () => checkSame([1, 2, 3], other, 'x'),
      (error: { code?: string }) => error.code === 'bench.tokens',
    );
  }
});

test('ways of decoding that have names learn apart, and forget together', async () => {
  const options = { maxTokens: 24, draft: 'recycle' } as const;
  const passes = async (memory: string) => (await model.run(PROMPTS[0]!, options, undefined, memory)).stats.passes;
  model.forget();
  const first = await passes('a');
  const again = await passes('a');
  assert.ok(again < first, `${first} passes, then ${again}: recycling knows the text by now`);
  assert.is(await passes('b'), first);
  model.forget();
  assert.is(await passes('a'), first);
});

test('a right answer is looked for in greedy text of the model alone', async () => {
  const expected = 'text of a model without a tokenizer is empty';
  const rightOf = async (given: Partial<SetCase>) => {
    const samples = await measure(
      model,
      cases({ maxTokens: 4, ...given.options }).map((one) => ({ ...one, expected, ...given })),
      [],
      1,
    );
    return samples.map(({ right, method }) => (method === PLAIN ? right : 'other'));
  };
  assert.equal(await rightOf({}), [false, false]);
  assert.equal(await rightOf({ options: { maxTokens: 4, temperature: 1, seed: 1 } }), [undefined, undefined]);
  assert.equal(await rightOf({ answer: [1, 2, 3, 4] }), [undefined, undefined]);
});

test.run();
