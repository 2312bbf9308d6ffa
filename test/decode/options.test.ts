/** Options: names, types and ranges; every number in every wrong form. */
import { checkOptions, type GenerateOptions } from '../../src/decode/options.ts';
import { hasCode } from '../codes.ts';
import { assert, test } from '../harness.ts';

const check = (options: Record<string, unknown>) => checkOptions(options as GenerateOptions);

test('no options are plain greedy decoding with automatic drafting, until the text ends', () => {
  for (const options of [undefined, {}, { maxTokens: undefined, stop: undefined, draft: undefined }]) {
    const { seed, ...settings } = checkOptions(options as GenerateOptions);
    assert.ok(Number.isSafeInteger(seed) && seed >= 0);
    assert.equal(settings, {
      maxTokens: Infinity,
      sampling: { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 },
      stop: [],
      signal: undefined,
      draft: ['auto'],
      draftTokens: undefined,
      costTable: undefined,
      logprobs: undefined,
      prediction: undefined,
      onProgress: undefined,
      onStep: undefined,
      verifier: undefined,
    });
  }
});

test('without a seed every call gets another one', () => {
  assert.is(new Set(Array.from({ length: 50 }, () => checkOptions().seed)).size, 50);
});

/** Values that a number option takes, beyond which it refuses. */
const NUMBERS: Record<string, readonly number[]> = {
  maxTokens: [1, 7, 2 ** 53 - 1],
  temperature: [0, 0.5, 100],
  topK: [0, 40, 2 ** 53 - 1],
  topP: [0, 0.9, 1],
  minP: [0, 0.05, 1],
  repetitionPenalty: [0.01, 1.1, 100],
  seed: [0, 7, 2 ** 53 - 1],
  draftTokens: [1, 15],
  logprobs: [0, 5, 20],
};
const HOSTILE_NUMBERS = [-1, 0, 1.5, NaN, Infinity, -Infinity, 2 ** 53, -0.001];
const HOSTILE_OTHERS = ['1', '', null, true, {}, [1], 1n, Symbol('one'), () => 1];

for (const [name, good] of Object.entries(NUMBERS)) {
  const [least, most] = [Math.min(...good), Math.max(...good)];
  const whole = good.every(Number.isInteger) && name !== 'temperature';
  test(`${name} takes numbers in its range and nothing else`, () => {
    for (const value of good) check({ [name]: value });
    for (const value of HOSTILE_NUMBERS) {
      const largest = name === 'draftTokens' ? 65535 : most;
      const fits = value >= least && value <= largest && (!whole || Number.isInteger(value));
      if (fits) check({ [name]: value });
      else assert.throws(() => check({ [name]: value }), hasCode('option.range'), `${name}: ${value}`);
    }
    for (const value of HOSTILE_OTHERS) {
      assert.throws(() => check({ [name]: value }), hasCode('option.type'), `${name}: ${typeof value}`);
    }
  });
}

test('an unknown option is named, together with the known ones', () => {
  assert.throws(() => check({ max_tokens: 5 }), hasCode('option.unknown'));
  assert.throws(() => check({ max_tokens: 5 }), /"max_tokens": expected maxTokens, temperature,/);
  for (const name of ['__proto__', 'constructor', 'toString', 'x'.repeat(500)]) {
    assert.throws(() => check(JSON.parse(`{ "${name}": 1 }`)), hasCode('option.unknown'));
  }
  for (const options of [null, 5, 'fast']) {
    assert.throws(() => checkOptions(options as unknown as GenerateOptions), hasCode('option.type'));
  }
});

test('stop takes a string or several, none empty or broken, none too many', () => {
  assert.equal(check({ stop: 'END' }).stop, ['END']);
  assert.equal(check({ stop: ['a', '\n\n', '😀'] }).stop, ['a', '\n\n', '😀']);
  assert.equal(check({ stop: [] }).stop, []);
  for (const stop of [null, 5, ['a', 5], [null], {}]) assert.throws(() => check({ stop }), hasCode('option.type'));
  for (const stop of ['', ['a', ''], 'x'.repeat(1025), Array(17).fill('a'), '\ud83d', 'a\ude00']) {
    assert.throws(() => check({ stop }), hasCode('option.range'));
  }
});

const drafter = { name: 'mine', begin() {}, propose() {}, observe() {} };

test('draft takes names, drafters and lists of both', () => {
  assert.equal(check({ draft: 'auto' }).draft, ['auto']);
  assert.equal(check({ draft: ['auto', drafter, 'aded'] }).draft, ['auto', drafter, 'aded']);
  assert.equal(check({ draft: 'none' }).draft, []);
  assert.equal(check({ draft: 'lookup' }).draft, ['lookup']);
  assert.equal(check({ draft: ['recycle', 'lookup'] }).draft, ['recycle', 'lookup']);
  assert.equal(check({ draft: drafter }).draft, [drafter]);
  assert.equal(check({ draft: ['lookup', { ...drafter, sources: ['a', 'b'] }] }).draft.length, 2);
  class Mine {
    readonly name = 'mine';
    begin() {}
    propose() {}
    observe() {}
  }
  assert.is(check({ draft: new Mine() }).draft.length, 1);
});

test('draft refuses unknown names, empty and doubled lists, and objects that are no drafters', () => {
  for (const draft of [
    '',
    'eagle',
    [],
    ['none'],
    ['auto', 'auto'],
    ['lookup', 'lookup'],
    Array(9).fill(drafter),
    'AUTO',
  ]) {
    assert.throws(() => check({ draft }), hasCode('option.range'));
  }
  const parts = ['name', 'begin', 'propose', 'observe'];
  const incomplete = parts.map((part) => ({ ...drafter, [part]: undefined }));
  const broken = [
    { ...drafter, name: 5 },
    { ...drafter, propose: {} },
    { ...drafter, sources: [] },
  ];
  const tooMany = { ...drafter, sources: Array(17).fill('a') };
  for (const draft of [null, 5, true, {}, [null], [['lookup']], tooMany, ...incomplete, ...broken]) {
    assert.throws(() => check({ draft }), hasCode('option.type'));
  }
});

test('a prediction is text, token ids or an object, and callbacks are functions', () => {
  for (const prediction of ['', 'text', [1, 2], Int32Array.of(3), { type: 'content', content: 'text' }]) {
    assert.is(check({ prediction }).prediction, prediction);
  }
  for (const prediction of [null, 7, true, () => 'text', Symbol('text')]) {
    assert.throws(() => check({ prediction }), hasCode('option.type'));
  }
  for (const name of ['onProgress', 'onStep']) {
    assert.throws(() => check({ [name]: {} }), hasCode('option.type'));
    assert.type((check({ [name]() {} }) as unknown as Record<string, unknown>)[name], 'function');
  }
});

test('a cost table holds positive finite numbers from index 1 on', () => {
  assert.equal(check({ costTable: [null, 1, 2.5].map(Number) }).costTable, Float64Array.of(0, 1, 2.5));
  assert.is(check({ costTable: Float64Array.of(NaN, 3) }).costTable![1], 3);
  for (const costTable of [null, 5, '12', {}, [0, '1'], [0, null], { length: 1.5 }]) {
    assert.throws(() => check({ costTable }), hasCode('option.type'));
  }
  for (const costTable of [[], [1], [0, 0], [0, -1], [0, NaN], [0, 1, Infinity], new Float64Array(70_000).fill(1)]) {
    assert.throws(() => check({ costTable }), hasCode('option.range'));
  }
});

test('signal and onProgress are checked for what they must do', () => {
  const { signal } = new AbortController();
  assert.is(check({ signal }).signal, signal);
  for (const bad of [null, {}, 'abort', { aborted: false }, () => {}]) {
    assert.throws(() => check({ signal: bad }), hasCode('option.type'));
  }
  const onProgress = () => {};
  assert.is(check({ onProgress }).onProgress, onProgress);
  for (const bad of [null, {}, 'yes', 1]) assert.throws(() => check({ onProgress: bad }), hasCode('option.type'));
});

test.run();
