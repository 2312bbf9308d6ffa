/** Drafters behind the loop: merged, checked, waited for. */
import type { Drafter } from '../../src/draft/drafter.ts';
import { fixedScheduler } from '../../src/decode/fixed-scheduler.ts';
import { Proposer } from '../../src/draft/proposer.ts';
import { ForetokenError } from '../../src/errors.ts';
import { checkProposal } from '../../src/draft/check-proposal.ts';
import { chain, type DraftTree } from '../../src/tree/draft-tree.ts';
import { Draws } from '../../src/tree/draws.ts';
import { hasCode, rejection } from '../codes.ts';
import { assert, test } from '../harness.ts';
import { stepOf } from './steps.ts';

const boom = new Error('boom');
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
  const proposer = new Proposer([
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
  const proposer = new Proposer([
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

test('what is merged may be larger than each of the trees: the scheduler cuts it', async () => {
  const proposer = new Proposer([
    drafter('long', () => scored([7, 1, 2], 0.5, 0.5)),
    drafter('short', () => scored([7, 9], 0.375)),
  ]);
  const tree = await proposer.propose({ ...LIMITS, nodes: 3 });
  assert.equal([...tree.tokens], [7, 1, 2, 9]);
  assert.equal([...fixedScheduler(3).prune(tree).tokens], [7, 1, 9]);
});

test('draws stay with their nodes, one entry for each who drew, and who draws has a seed of its own and a share of the nodes', async () => {
  const seeds: number[] = [];
  const budgets: number[] = [];
  const q = Float64Array.of(0.5, 0.5);
  const sampler = (name: string, tokens: readonly number[]) => ({
    ...drafter(name, (nodes) => {
      budgets.push(nodes);
      return {
        ...scored(tokens, 0.5, 0.5),
        draws: new Draws(tokens.slice(1).map((_, i) => [{ draftProb: q, children: Int32Array.of(i + 1) }])),
      };
    }),
    begin: (_prompt: Int32Array, seed: number) => void seeds.push(seed),
    sampling: 'independent' as const,
  });
  const byRule = drafter('rule', (nodes) => {
    budgets.push(nodes);
    return scored([7, 1, 3], 0.5, 0.5);
  });
  const proposer = new Proposer([sampler('first', [7, 1, 2]), byRule, sampler('second', [7, 1, 3])]);
  proposer.begin(Int32Array.of(7), 42);
  assert.is(seeds[0], 42);
  assert.ok(seeds[1] !== 42 && Number.isSafeInteger(seeds[1]));
  const { tokens, draws } = await proposer.propose({ ...LIMITS, nodes: 9 });
  assert.equal(budgets, [5, 9, 5]);
  assert.equal([...tokens], [7, 1, 2, 3]);
  assert.equal(
    [0, 1, 2, 3].map((node) => draws!.at(node)?.map(({ children }) => [...children])),
    [[[1], [1]], [[2], [3]], undefined, undefined],
  );
});

test('where one is sure, those after it are not asked', async () => {
  let asked = 0;
  const second = drafter('second', () => {
    asked++;
    return scored([7, 2], 0.5);
  });
  const sure = new Proposer([drafter('first', () => scored([7, 1], 0.95)), second]);
  assert.equal([...(await proposed(sure)).tokens], [7, 1]);
  assert.is(asked, 0);
  const unsure = new Proposer([drafter('first', () => scored([7, 1], 0.75)), second]);
  assert.equal([...(await proposed(unsure)).tokens], [7, 1, 2]);
  assert.is(asked, 1);
});

test('one that rests is neither asked nor told, and begins anew when it is woken', async () => {
  const seen: string[] = [];
  const resting = drafter('resting', () => scored([7, 1], 0.5), {
    begin: (prompt) => void seen.push(`begin ${prompt}`),
    observe: ({ emitted }) => void seen.push(`observe ${emitted}`),
    outlook: () => ({ token: 1, score: 0.5 }),
  });
  const other = drafter('other', () => scored([7, 2], 0.5), { outlook: () => undefined });
  const proposer = new Proposer([resting, other]);
  proposer.rest(0);
  proposer.begin(Int32Array.of(1, 7));
  proposer.observe(stepOf(7, [2, 7]));
  assert.equal(proposer.outlooks(), [undefined, undefined]);
  const { tokens, sources } = await proposed(proposer);
  assert.equal([...tokens], [7, 2]);
  assert.equal([...sources!], [0, 1], 'the other keeps its own number');
  assert.equal(seen, []);
  proposer.wake(0, [1, 7, 2, 7]);
  proposer.observe(stepOf(7, [3]));
  assert.equal(seen, ['begin 1,7,2,7', 'observe 3']);
  assert.equal(proposer.outlooks(), [{ token: 1, score: 0.5 }, undefined]);
});

test('outlooks are known only where every drafter tells its own, and one that fails is named', async () => {
  const telling = drafter('telling', () => chain([7]), { outlook: () => ({ token: 3, score: 0.25 }) });
  const silent = drafter('silent', () => chain([7]));
  assert.equal(new Proposer([telling]).outlooks(), [{ token: 3, score: 0.25 }]);
  assert.is(new Proposer([telling, silent]).outlooks(), undefined);
  const failing = drafter('bad', () => chain([7]), {
    outlook: () => {
      throw boom;
    },
  });
  assert.throws(() => new Proposer([failing]).outlooks(), /"bad" failed in outlook/);
});

test('every member sees the prompt and every step', () => {
  const seen: string[] = [];
  const member = (name: string) =>
    drafter(name, () => chain([7]), {
      begin: (prompt) => void seen.push(`${name} begin ${prompt}`),
      observe: ({ emitted }) => void seen.push(`${name} observe ${emitted}`),
    });
  const proposer = new Proposer([member('a'), member('b')]);
  proposer.begin(Int32Array.of(1, 7));
  proposer.observe(stepOf(7, [2, 3]));
  assert.equal(seen, ['a begin 1,7', 'b begin 1,7', 'a observe 2,3', 'b observe 2,3']);
});

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
      const error = await proposed(new Proposer([bad, ...others], undefined, checkProposal)).catch(
        (reason: unknown) => reason,
      );
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
  assert.is(await rejection(proposed(new Proposer([later, atOnce]))), 'drafter.failed');
  await new Promise((resolve) => setTimeout(resolve, 2));
  process.off('unhandledRejection', listen);
  assert.equal(unheard, []);
});

test('failures of begin and observe are told apart', async () => {
  const failing = () => {
    throw boom;
  };
  const proposer = new Proposer([drafter('bad', () => chain([7]), { begin: failing, observe: failing })]);
  assert.is(await rejection((async () => proposer.begin(Int32Array.of(7)))()), 'drafter.failed');
  assert.throws(() => proposer.observe(stepOf(7, [1])), /failed in observe/);
});

test('an abort ends the waiting with its reason, before and during the call, and what comes late is dropped', async () => {
  const reason = new Error('enough');
  let late = (_: DraftTree | PromiseLike<DraftTree>): void => {};
  const slow = drafter('slow', () => new Promise<DraftTree>((resolve) => (late = resolve)));
  const outcome = (signal: AbortSignal) => proposed(new Proposer([slow], signal)).catch((error: unknown) => error);

  assert.is(await outcome(AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const waiting = outcome(controller.signal);
  controller.abort(reason);
  assert.is(await waiting, reason);
  late(Promise.reject(boom));
  await new Promise((resolve) => setTimeout(resolve, 1));
});

test('drafters are told whom they draft for: what they refuse is theirs to say, what they throw otherwise is `drafter.failed`', () => {
  const model = { vocab: 100, tokenizer: undefined };
  const met: unknown[] = [];
  const nothing = () => chain([7]);
  const proposer = new Proposer([
    drafter('first', nothing, { meet: (given) => met.push(given), note: 'first: a note' }),
    drafter('second', nothing),
  ]);
  proposer.meet(model);
  assert.equal(met, [model]);
  assert.equal(proposer.notes, ['first: a note']);
  const refusal = new ForetokenError('option.draft', 'not for that one');
  for (const [cause, code] of [
    [refusal, 'option.draft'],
    [boom, 'drafter.failed'],
  ] as const) {
    const meet = () => {
      throw cause;
    };
    assert.throws(() => new Proposer([drafter('third', nothing, { meet })]).meet(model), hasCode(code));
  }
});

test.run();
