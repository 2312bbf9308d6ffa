/** Drafters behind the loop: merged, checked, waited for. */
import type { Drafter } from '../../src/draft/drafter.ts';
import { createProposer, type Proposer } from '../../src/draft/proposer.ts';
import { ForetokenError } from '../../src/errors.ts';
import { chain, type DraftTree } from '../../src/tree/draft-tree.ts';
import { rejection } from '../codes.ts';
import { assert, test } from '../harness.ts';
import { stepOf } from './steps.ts';

const LIMITS = { nodes: 8, vocab: 100, root: 7 };

function drafter(name: string, propose: Drafter['propose'], rest: Partial<Drafter> = {}): Drafter {
  return { name, begin() {}, observe() {}, propose, ...rest };
}

/** Whether it fails at once or later, it rejects. */
const proposed = async (proposer: Proposer): Promise<DraftTree> => proposer.propose(LIMITS);

const scored = (tokens: readonly number[], ...scores: number[]): DraftTree => ({
  ...chain(tokens),
  scores: Float32Array.of(1, ...scores),
});

test('one drafter is asked for as many nodes as there are, and its tree is taken as it is', async () => {
  const tree = scored([7, 1, 2], 0.5, 0.5);
  let budget = 0;
  const proposer = createProposer([
    drafter('mine', (nodes) => {
      budget = nodes;
      return tree;
    }),
  ]);
  assert.is(await proposer.propose(LIMITS), tree);
  assert.is(budget, 8);
  assert.equal(proposer.sources, ['mine']);
});

test('trees of several are merged by their beginnings, sources and scores kept, agreement told apart', async () => {
  const proposer = createProposer([
    drafter('first', () => scored([7, 1, 2], 0.5, 0.25)),
    drafter('second', async () => ({ ...scored([7, 1, 3], 0.75, 0.5), sources: Uint8Array.of(0, 0, 1) }), {
      sources: ['second', 'side'],
    }),
    drafter('third', () => scored([7, 4], 0.25)),
  ]);
  assert.equal(proposer.sources, ['first', 'second', 'side', 'third', 'several']);
  const { tokens, parents, scores, sources } = await proposer.propose(LIMITS);
  assert.equal([...tokens], [7, 1, 2, 3, 4]);
  assert.equal([...parents], [-1, 0, 1, 1, 0]);
  assert.equal([...scores!], [1, 0.5, 0.25, 0.5, 0.25]);
  assert.equal([...sources!], [0, 4, 0, 2, 3]);
});

test('what is merged is cut to the budget by joint score', async () => {
  const proposer = createProposer([
    drafter('long', () => scored([7, 1, 2], 0.5, 0.5)),
    drafter('short', () => scored([7, 9], 0.375)),
  ]);
  assert.equal([...(await proposer.propose({ ...LIMITS, nodes: 3 })).tokens], [7, 1, 9]);
});

test('every member sees the prompt and every step', () => {
  const seen: string[] = [];
  const member = (name: string) =>
    drafter(name, () => chain([7]), {
      begin: (prompt) => void seen.push(`${name} begin ${prompt}`),
      observe: ({ emitted }) => void seen.push(`${name} observe ${emitted}`),
    });
  const proposer = createProposer([member('a'), member('b')]);
  proposer.begin(Int32Array.of(1, 7));
  proposer.observe(stepOf(7, [2, 3]));
  assert.equal(seen, ['a begin 1,7', 'b begin 1,7', 'a observe 2,3', 'b observe 2,3']);
});

const boom = new Error('boom');
const FAILURES: readonly (readonly [title: string, propose: () => unknown, code: string])[] = [
  [
    'throws',
    () => {
      throw boom;
    },
    'drafter.failed',
  ],
  ['rejects', () => Promise.reject(boom), 'drafter.failed'],
  ['gives nothing', () => undefined, 'drafter.tree'],
  ['gives null, late', async () => null, 'drafter.tree'],
  ['gives a string', () => 'tree', 'drafter.tree'],
  ['gives a tree that is too large', () => chain([7, 1, 2, 3, 4, 5, 6, 7, 8]), 'drafter.tree'],
  ['gives a token out of range', () => chain([7, 100]), 'drafter.tree'],
  ['gives another root', () => chain([8, 1]), 'drafter.tree'],
  ['gives a source that has no name', () => ({ ...chain([7, 1]), sources: Uint8Array.of(0, 1) }), 'drafter.tree'],
];
for (const [title, propose, code] of FAILURES) {
  test(`a drafter that ${title} fails with ${code}, its cause kept, alone and among others`, async () => {
    const bad = drafter('bad', propose as Drafter['propose']);
    for (const others of [[], [drafter('good', () => chain([7, 1]))]]) {
      const error = await proposed(createProposer([bad, ...others])).catch((reason: unknown) => reason);
      assert.instance(error, ForetokenError);
      assert.is((error as ForetokenError).code, code);
      assert.match((error as ForetokenError).message, '"bad"');
      const { cause } = error as ForetokenError;
      if (code === 'drafter.failed') assert.is(cause, boom);
      else assert.match((cause as ForetokenError).code, /^tree\./);
    }
  });
}

test('one that fails at once and one that fails later are one failure', async () => {
  const unheard: unknown[] = [];
  const listen = (reason: unknown) => unheard.push(reason);
  process.on('unhandledRejection', listen);
  const later = drafter('later', () => Promise.reject(boom));
  const atOnce = drafter('at once', () => {
    throw boom;
  });
  assert.is(await rejection(proposed(createProposer([later, atOnce]))), 'drafter.failed');
  await new Promise((resolve) => setTimeout(resolve, 2));
  process.off('unhandledRejection', listen);
  assert.equal(unheard, []);
});

test('failures of begin and observe are told apart', async () => {
  const failing = () => {
    throw boom;
  };
  const proposer = createProposer([drafter('bad', () => chain([7]), { begin: failing, observe: failing })]);
  assert.is(await rejection((async () => proposer.begin(Int32Array.of(7)))()), 'drafter.failed');
  assert.throws(() => proposer.observe(stepOf(7, [1])), /failed in observe/);
});

test('an abort ends the waiting with its reason, before and during the call, and what comes late is dropped', async () => {
  const reason = new Error('enough');
  let late = (_: DraftTree | PromiseLike<DraftTree>): void => {};
  const slow = drafter('slow', () => new Promise<DraftTree>((resolve) => (late = resolve)));
  const outcome = (signal: AbortSignal) => proposed(createProposer([slow], signal)).catch((error: unknown) => error);

  assert.is(await outcome(AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const waiting = outcome(controller.signal);
  controller.abort(reason);
  assert.is(await waiting, reason);
  late(Promise.reject(boom));
  await new Promise((resolve) => setTimeout(resolve, 1));
});

test.run();
