/** Drafters take the memory that they say, at once, and drafting takes no more: not after thousands of steps over a full context. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Aded } from '../../src/draft/aded.ts';
import { Automaton } from '../../src/draft/automaton.ts';
import type { Drafter } from '../../src/draft/drafter.ts';
import { Lookahead } from '../../src/draft/lookahead.ts';
import { Lookup } from '../../src/draft/lookup.ts';
import { Recycle } from '../../src/draft/recycle.ts';
import { Reference } from '../../src/draft/reference.ts';
import type { TargetRows } from '../../src/model/target.ts';
import { openStore } from '../../src/store/store.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { storeOf } from '../store/texts.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const VOCAB = 400;
const CONTEXT = 1200;
const REFERENCE = Array.from({ length: 800 }, (_, i) => (i * i) % VOCAB);
/** Objects beside the tables: trees, builders, code that is compiled meanwhile. */
const SLACK = 150_000;

/** Bytes of arrays, and of everything else, after what is not used any more is gone. */
function memory(): { readonly arrays: number; readonly heap: number } {
  collect();
  collect();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return { arrays: arrayBuffers, heap: heapUsed };
}

const LOGITS = Float32Array.from({ length: VOCAB }, (_, id) => -id);
const BEST = Int32Array.from({ length: 64 }, (_, id) => id);
/** Rows that take no memory of their own. */
const ROWS: TargetRows = { logits: () => LOGITS, argmax: () => 0, topK: (_, k) => BEST.subarray(0, k) };

/** Generates over a whole context, two tokens a step. */
async function generation(drafter: Drafter, seed: number): Promise<void> {
  const next = random(seed);
  const history = Array.from({ length: 100 }, () => randomInt(next, 40));
  drafter.begin(Int32Array.from(history), 0);
  while (history.length + 2 <= CONTEXT + 1) {
    drafter.outlook?.();
    const tree = await drafter.propose(32);
    const emitted = Int32Array.of(randomInt(next, 40), randomInt(next, 40));
    history.push(...emitted);
    drafter.observe({ tree, path: Int32Array.of(0), emitted, history, rows: ROWS });
  }
}

/** The least that memory grows by in one of ten generations: code is compiled in some of them, what is kept is kept in all. */
async function growth(drafter: Drafter): Promise<ReturnType<typeof memory>> {
  await generation(drafter, 1);
  let least = { arrays: Infinity, heap: Infinity };
  for (let seed = 2; seed <= 11; seed++) {
    const before = memory();
    await generation(drafter, seed);
    const { arrays, heap } = memory();
    least = { arrays: Math.min(least.arrays, arrays - before.arrays), heap: Math.min(least.heap, heap - before.heap) };
  }
  return least;
}

/** What each of five drafters takes, in bytes of arrays: what others have let go of may be collected meanwhile, but not five times. */
function makings(make: () => Drafter): number[] {
  return Array.from({ length: 5 }, () => {
    const before = memory();
    const drafter = make();
    const taken = memory().arrays - before.arrays;
    drafter.begin(Int32Array.of(1), 0); // it is still needed here, so it was not collected
    return taken;
  });
}

const store = await openStore(storeOf([REFERENCE], VOCAB));

const DRAFTERS: Record<string, readonly [make: () => Drafter, bytes: number]> = {
  lookup: [() => new Lookup(CONTEXT), Lookup.bytes(CONTEXT)],
  recycle: [() => new Recycle(VOCAB), Recycle.bytes(VOCAB)],
  automaton: [() => new Automaton(CONTEXT, { shortest: 1 }), Automaton.bytes(CONTEXT)],
  aded: [() => new Aded(), Aded.bytes()],
  lookahead: [() => new Lookahead(VOCAB), Lookahead.bytes(VOCAB)],
  reference: [() => new Reference(REFERENCE, CONTEXT), Reference.bytes(REFERENCE.length, CONTEXT)],
  store: [() => store.drafter({ shortest: 1 }), 0],
};

for (const [name, [make, bytes]] of Object.entries(DRAFTERS)) {
  test(`${name}: what it says is what it takes, and it takes no more over whole contexts (seeds 1 to 11)`, async () => {
    const drafter = make();
    const taken = makings(make);
    assert.ok(
      taken.some((arrays) => Math.abs(arrays - bytes) < 4096),
      `${taken} bytes, said ${bytes}`,
    );
    const grown = await growth(drafter);
    assert.ok(grown.arrays < 4096, `arrays grew by ${grown.arrays}`);
    assert.ok(grown.heap < SLACK, `everything else grew by ${grown.heap}`);
    drafter.begin(Int32Array.of(1), 0); // it is still needed here, so it was not collected
  });
}

test('a drafter that keeps every tree is seen', async () => {
  const kept: unknown[] = [];
  const inner = new Recycle(VOCAB);
  const keeping: Drafter = {
    name: 'keeping',
    begin: (prompt) => inner.begin(prompt),
    propose(budget) {
      const tree = inner.propose(budget);
      kept.push(tree);
      return tree;
    },
    observe: (step) => inner.observe(step),
  };
  const { arrays, heap } = await growth(keeping);
  assert.ok(heap > SLACK || arrays > 4096);
  assert.ok(kept.length > 500);
});

test.run();
