/**
 * Machines of several threads, with workers: the bits of one thread, and an end of the workers whatever happens.
 * @module
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { kernelBytes, teamBytes, withSharedMemory } from '../../src/engine/builds.ts';
import { createEngine, type Machine } from '../../src/engine/engine.ts';
import { ADD } from '../../src/engine/opcodes.ts';
import { payingThreads } from '../../src/engine/paying-threads.ts';
import { ProgramWriter } from '../../src/engine/program.ts';
import { createTeam } from '../../src/engine/team.ts';
import { TEAM_END } from '../../src/engine/team-block.ts';
import { chooseThreads } from '../../src/engine/threads.ts';
import { load } from '../../src/load.ts';
import type { Model } from '../../src/model.ts';
import { type LoadOptions, loadTransformer } from '../../src/model/load-transformer.ts';
import { TransformerModel } from '../../src/model/transformer-model.ts';
import { startWorker, type WorkerLike } from '../../src/runtime/workers.ts';
import { hasCode, rejection } from '../codes.ts';
import { assert, firstDifference, random, randomInt, test } from '../harness.ts';
import { fixtureModel, fixturePath, prefill } from '../model/fixture-model.ts';
import { differingNodes, plainLogits } from '../model/plain-decoding.ts';
import { randomParents, withTokens } from '../model/trees.ts';
import { startChild } from '../runtimes/child.ts';
import * as faulty from './faulty-workers.ts';

/** Starts workers as the engine would, and keeps count of those that have ended. */
function counted(start: () => WorkerLike = startWorker) {
  const counts = { started: 0, ended: 0 };
  const worker = () => {
    const made = start();
    counts.started++;
    made.on!('exit', () => void counts.ended++);
    return made;
  };
  return { counts, worker };
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    assert.ok(waited < 20_000, 'it does not come');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const PROMPT = 30;

function decode(model: TransformerModel, seed: number): Float32Array[] {
  const next = random(seed);
  const session = model.session();
  const prompt = Array.from({ length: PROMPT }, () => randomInt(next, session.vocab));
  try {
    return [prefill(session, prompt), ...plainLogits(session, prompt.slice(0, 8))];
  } finally {
    session.dispose();
  }
}

/** test-300k, whose embedding and three layers do not fit fewer memories of this size. */
async function splitOverThree(options: LoadOptions): Promise<TransformerModel> {
  const split = await loadTransformer(fixturePath('test-300k'), { maxNodes: 24, largestMemory: 650_000, ...options });
  assert.is(split.machines.length, 3);
  return split;
}

const sameLogits = (a: Float32Array[], b: Float32Array[]) => a.every((row, i) => firstDifference(row, b[i]!) === -1);

for (const dtype of ['f32', 'q8'] as const) {
  for (const threads of [2, 4]) {
    test(`${dtype}: ${threads} threads compute the bits of one, on trees too (seed 7)`, async () => {
      const [one, many] = await Promise.all([1, threads].map((n) => fixtureModel('test-300k', { dtype, threads: n })));
      for (let seed = 7; seed < 12; seed++)
        assert.ok(sameLogits(decode(many!, seed), decode(one!, seed)), `seed ${seed}`);
      const next = random(7);
      const session = many!.session();
      for (let round = 0; round < 8; round++) {
        session.truncate(0);
        prefill(
          session,
          Array.from({ length: PROMPT }, () => randomInt(next, session.vocab)),
        );
        const tree = withTokens(randomParents(next, 2 + randomInt(next, 23)), next, session.vocab);
        assert.equal(differingNodes(session, tree), []);
      }
      many!.dispose();
    });
  }
}

test('passes that run alone and passes that run together leave the same bits, in any order (seed 7)', async () => {
  const engine = await createEngine();
  const next = random(7);
  const ways = { alone: 0, together: 0 };
  const mixed = await loadTransformer(fixturePath('test-300k'), {
    threads: 2,
    engine: {
      ...engine,
      async createTeam(bytes, threads) {
        const spied = (machine: Machine): Machine => ({
          ...machine,
          run(program, ops, alone = false) {
            ways[alone ? 'alone' : 'together']++;
            machine.run(program, ops, alone);
          },
        });
        const machines = await engine.createTeam!(bytes, threads);
        return machines.map((machine) => payingThreads(spied(machine), () => randomInt(next, 1_000_000))); // a clock that makes no sense
      },
    },
  });
  const one = await fixtureModel('test-300k');
  for (let seed = 7; seed < 15; seed++) assert.ok(sameLogits(decode(mixed, seed), decode(one, seed)), `seed ${seed}`);
  assert.ok(ways.alone >= 8 && ways.together >= 8, JSON.stringify(ways));
  mixed.dispose();
});

test('a worker that comes to meetings before its work is done changes the bits (planted fault)', async () => {
  const one = await fixtureModel('test-300k', { dtype: 'q8' });
  const engine = await createEngine({ worker: faulty.hasty });
  const many = await loadTransformer(fixturePath('test-300k'), { dtype: 'q8', threads: 2, engine });
  assert.not(sameLogits(decode(many, 7), decode(one, 7)));
  many.dispose();
});

test('two models run side by side, each on threads of its own, and one goes on when the other ends', async () => {
  const { counts, worker } = counted();
  const engine = await createEngine({ worker });
  const models = await Promise.all(
    ['f32', 'q8'].map((dtype) =>
      loadTransformer(fixturePath('test-300k'), { dtype: dtype as 'f32', threads: 3, engine }),
    ),
  );
  const first = models.map((model) => decode(model, 3));
  assert.is(counts.started, 4);
  models[0]!.dispose();
  assert.ok(sameLogits(decode(models[1]!, 3), first[1]!));
  models[1]!.dispose();
  await until(() => counts.ended === 4);
});

test('a disposed model refuses to run, and its workers end', async () => {
  const { counts, worker } = counted();
  const model = await loadTransformer(fixturePath('test-300k'), { threads: 2, worker });
  decode(model, 1);
  model.dispose();
  assert.throws(() => model.machines[0]!.run(model.plan.stages[0]!.pass.program, 1), hasCode('model.disposed'));
  model.dispose();
  await until(() => counts.ended === 1);
});

test('a worker that fails during a pass ends the pass with engine.thread, and every later one; the next load is as if nothing had been', async () => {
  const model = await loadTransformer(fixturePath('test-300k'), { threads: 2, worker: faulty.failing });
  assert.throws(() => decode(model, 1), hasCode('engine.thread'));
  assert.throws(() => decode(model, 1), hasCode('engine.thread'));
  model.dispose();
  const next = await fixtureModel('test-300k', { threads: 2 });
  assert.ok(sameLogits(decode(next, 1), decode(await fixtureModel('test-300k'), 1)));
  next.dispose();
});

test('the call after a lost thread has others in its place, and the bits of a model that lost none', async () => {
  const generated = async (model: Model): Promise<string> => {
    const bits: unknown[] = [];
    const prompt = Array.from({ length: 40 }, (_, i) => (i * 37) % 512);
    for await (const { tokens, logprobs } of model.generate(prompt, { maxTokens: 24, logprobs: 0 })) {
      bits.push(
        [...tokens],
        logprobs?.map(({ logprob }) => logprob),
      );
    }
    return JSON.stringify(bits.flat(2));
  };
  const whole = await load(fixturePath('test-300k'), { threads: 3 });
  const expected = await generated(whole);
  for (const fault of [faulty.failing, faulty.leaving]) {
    let started = 0;
    const { counts, worker } = counted(() => (started++ === 1 ? fault() : startWorker()));
    const model = await load(fixturePath('test-300k'), { threads: 3, worker });
    if (fault === faulty.leaving) await until(() => counts.ended === 2);
    else assert.is(await rejection(generated(model)), 'engine.thread');
    assert.is(await generated(model), expected);
    assert.is(counts.started, 4);
    model.dispose();
    await until(() => counts.ended === 4);
  }
  whole.dispose();
});

test('generations of a model whose threads fail again and again end with engine.thread, and none of them holds the turn', async () => {
  const model = await load(fixturePath('test-300k'), { threads: 2, worker: faulty.failing });
  assert.equal([model.threads, model.threadsNote], [2, undefined]);
  for (let call = 0; call < 3; call++) {
    assert.is(await rejection(model.generate([1, 2, 3], { maxTokens: 4 }).text()), 'engine.thread');
  }
  model.dispose();
  assert.throws(() => model.generate([1]), hasCode('model.disposed'));
});

test('a worker that vanishes without a word is waited for, and then the pass ends with engine.thread', async () => {
  const [kernels, team] = await Promise.all(
    [withSharedMemory(await kernelBytes('plain')), await teamBytes()].map((bytes) => WebAssembly.compile(bytes)),
  );
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const parts = { kernels: kernels!, team: team!, memories: [memory], threads: 2 };
  const machine = createTeam({ ...parts, worker: faulty.absent, patience: 1 })[0]!;
  await machine.ready();
  const writer = new ProgramWriter(memory, TEAM_END, 1);
  writer.push(ADD, 1024, 1024, 1024, 8);
  assert.throws(() => machine.run(writer.address, writer.ops), hasCode('engine.thread'));
  assert.throws(() => machine.run(writer.address, writer.ops), hasCode('engine.thread'));
});

test('the workers of a model that is dropped without being disposed end, once it is collected', async () => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const { counts, worker } = counted();
  await loadTransformer(fixturePath('test-300k'), { threads: 2, worker }).then((model) => void decode(model, 1));
  await until(() => {
    collect();
    return counts.ended === 1;
  });
});

test('a worker that ends between two passes is noticed by the next pass, before it runs, and the others end', async () => {
  let turn = 0;
  const { counts, worker } = counted(() => (turn++ === 0 ? faulty.leaving() : startWorker()));
  const loading = loadTransformer(fixturePath('test-300k'), { threads: 3, worker });
  const model = await loading.catch((error: Error) => error);
  await until(() => counts.ended === 2);
  // On a busy machine it ends before the other one is there: then loading says the same, or has started others.
  if (model instanceof Error) assert.ok(hasCode('engine.thread')(model));
  else if (counts.started === 2) assert.throws(() => decode(model, 1), hasCode('engine.thread'));
  else decode(model, 1);
  if (!(model instanceof Error)) model.dispose();
});

test('a worker that cannot start is engine.worker with its reason, and the others end', async () => {
  let turn = 0;
  const { counts, worker } = counted(() => (turn++ === 0 ? startWorker() : faulty.refusing()));
  try {
    await loadTransformer(fixturePath('test-300k'), { threads: 3, worker });
    assert.unreachable();
  } catch (error) {
    assert.ok(hasCode('engine.worker')(error as Error));
    assert.is((error as { cause: Error }).cause.message, 'planted');
  }
  await until(() => counts.ended === 2);
  const thrown = () => {
    throw new TypeError('planted');
  };
  assert.is(
    await rejection(loadTransformer(fixturePath('test-300k'), { threads: 2, worker: thrown })),
    'engine.worker',
  );
});

test('an abort ends the loading at once, and the workers, though one of them never answers', async () => {
  let turn = 0;
  const { counts, worker } = counted(() => (turn++ === 0 ? faulty.silent() : startWorker()));
  const controller = new AbortController();
  const loading = splitOverThree({ threads: 3, worker, signal: controller.signal });
  await until(() => counts.started === 2);
  setTimeout(() => controller.abort(new Error('enough')), 100);
  try {
    await loading;
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, 'enough');
  }
  await until(() => counts.ended === 2);
});

test('a process ends although its model was not disposed', async () => {
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const child = startChild(process.execPath, [
    '--input-type=module',
    '-e',
    `const { loadTransformer } = await import(${url(`../../src/model/load-transformer.${extension}`)});
    const model = await loadTransformer(${JSON.stringify(fixturePath('test-300k'))}, { threads: 3 });
    const session = model.session();
    session.forward({ tokens: Int32Array.of(1), parents: Int32Array.of(-1) }, 'last');
    console.log('done');`,
  ]);
  const late = new Promise<string>((resolve) => setTimeout(() => resolve('late'), 20_000).unref());
  assert.is(await Promise.race([child.ended, late]), 0, child.output());
  assert.is(child.written(), 'done\n');
});

test('threads are as many as asked for, or as the host has where the model is large; one where kernels were given compiled', async () => {
  const large = () => 2 ** 30;
  assert.equal(chooseThreads({}, large), { threads: 1, note: undefined });
  assert.is(chooseThreads({ threads: 5 }, large).threads, 5);
  assert.is(chooseThreads({ threads: 'auto' }, () => 7_000_000).threads, 1);
  const chosen = chooseThreads({ threads: 'auto' }, large).threads;
  assert.ok(chosen >= 1 && chosen <= 8);
  const { module } = await createEngine();
  const engine = await createEngine({ module });
  const choice = chooseThreads({ threads: 4, engine }, large);
  assert.is(choice.threads, 1);
  assert.match(choice.note!, /compiled/);
  const model = await loadTransformer(fixturePath('test-300k'), { threads: 4, engine });
  assert.is(model.plan.options.threads, 1);
});

test('a model over three memories has the workers of one, and each of them works in every memory (seed 7)', async () => {
  const { counts, worker } = counted();
  const one = await fixtureModel('test-300k');
  const split = await splitOverThree({ threads: 3, worker });
  assert.is(counts.started, 2);
  for (let seed = 7; seed < 12; seed++) assert.ok(sameLogits(decode(split, seed), decode(one, seed)), `seed ${seed}`);
  split.dispose();
  for (const machine of split.machines) assert.throws(() => machine.run(0, 1), hasCode('model.disposed'));
  await until(() => counts.ended === 2);
});

test('over three memories, too, a worker that comes to meetings before its work is done changes the bits (planted fault)', async () => {
  const split = await splitOverThree({ threads: 2, worker: faulty.hasty });
  assert.not(sameLogits(decode(split, 7), decode(await fixtureModel('test-300k'), 7)));
  split.dispose();
});

test('passes over three memories that run alone or together, each memory as it pays, leave the same bits (seed 7)', async () => {
  const auto = await splitOverThree({ threads: 2 });
  const next = random(7);
  const machines = auto.machines.map((machine) => payingThreads(machine, () => randomInt(next, 1_000_000)));
  const paying = new TransformerModel(machines, auto.config, auto.plan);
  const one = await fixtureModel('test-300k');
  for (let seed = 7; seed < 15; seed++) assert.ok(sameLogits(decode(paying, seed), decode(one, seed)), `seed ${seed}`);
  paying.dispose();
});

test('a worker that fails in a later memory ends the pass with engine.thread, in every memory, and the other workers', async () => {
  let turn = 0;
  const { counts, worker } = counted(() => (turn++ === 0 ? faulty.failingInSecond() : startWorker()));
  const split = await splitOverThree({ threads: 3, worker });
  assert.throws(() => decode(split, 1), hasCode('engine.thread'));
  for (const machine of split.machines) assert.throws(() => machine.run(0, 1), hasCode('engine.thread'));
  await until(() => counts.ended === 2);
});

test('the plan of several threads holds scratch for each, and nothing else grows', async () => {
  const [one, three] = await Promise.all([1, 3].map((threads) => fixtureModel('test-300k', { threads })));
  assert.is(three!.plan.passBytes - one!.plan.passBytes, 2 * one!.plan.threadBytes);
  assert.is(three!.machines[0]!.memory.buffer.byteLength, three!.plan.bytes);
  three!.dispose();
});

test.run();
