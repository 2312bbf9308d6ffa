/**
 * Sessions: what they refuse, how they are saved, forked and given back; and memory: what is planned is what is used.
 * @module
 */
import { createEngine } from '../../src/engine/engine.ts';
import { openCheckpoint } from '../../src/formats/checkpoint.ts';
import { openFolder } from '../../src/formats/folder.ts';
import { llamaLayout } from '../../src/model/architectures/llama.ts';
import { planFor } from '../../src/model/load-transformer.ts';
import { checkWeights, loadWeights } from '../../src/model/load-weights.ts';
import { ProgramWriter } from '../../src/engine/program.ts';
import { pushEmbed } from '../../src/model/products.ts';
import { MAX_TOP_K, planMemory, weightPlans } from '../../src/model/memory-plan.ts';
import { TransformerModel } from '../../src/model/transformer-model.ts';
import { hasCode, rejection } from '../codes.ts';
import { assert, firstDifference, random, randomInt, test } from '../harness.ts';
import { fixtureModel, fixturePath, prefill } from './fixture-model.ts';

const tokens = (...ids: number[]) => Int32Array.from(ids);

test('the memory is what the plan says, to the byte, and stays so while decoding', async () => {
  const model = await fixtureModel('test-300k', { context: 100, sessions: 2, maxNodes: 24 });
  const { memory } = model.machines[0]!;
  const { buffer } = memory;
  const planned = planFor(model.config, { context: 100, sessions: 2, maxNodes: 24 });
  assert.is(buffer.byteLength, planned.bytes);
  assert.ok(planned.bytes - (planned.weightBytes + planned.cacheBytes + planned.passBytes) < 65_536 + 64);
  prefill(
    model.session(),
    Array.from({ length: 99 }, (_, i) => i),
  );
  assert.is(memory.buffer, buffer);
});

test('trees that are none are refused, and the session works on', async () => {
  const model = await fixtureModel('test-300k', { maxNodes: 4 });
  const session = model.session();
  const forward = (ids: Int32Array, parents: Int32Array) => () => session.forward({ tokens: ids, parents }, 'all');
  assert.throws(forward(tokens(), tokens()), hasCode('tree.size'));
  assert.throws(forward(tokens(1, 2, 3, 4, 5), tokens(-1, 0, 1, 2, 3)), hasCode('tree.size'));
  assert.throws(forward(tokens(1, 2), tokens(-1)), hasCode('tree.size'));
  assert.throws(forward(tokens(512), tokens(-1)), hasCode('tree.token'));
  assert.throws(forward(tokens(-1), tokens(-1)), hasCode('tree.token'));
  assert.throws(forward(tokens(1, 2), tokens(-1, 1)), hasCode('tree.parent'));
  assert.throws(forward(tokens(1, 2), tokens(-1, -1)), hasCode('tree.parent'));
  assert.throws(() => session.commit(tokens(0)), hasCode('session.commit'));
  session.forward({ tokens: tokens(1, 2, 3), parents: tokens(-1, 0, 0) }, 'all');
  assert.throws(() => session.commit(tokens(0, 1, 2)), hasCode('session.commit'));
  assert.throws(() => session.commit(tokens(1)), hasCode('session.commit'));
  session.commit(tokens(0, 2));
  assert.is(session.length, 2);
});

test('the context takes its last position and refuses the one after', async () => {
  const model = await fixtureModel('test-300k', { context: 10, maxNodes: 8 });
  const session = model.session();
  prefill(session, [1, 2, 3, 4, 5, 6, 7, 8], 8);
  session.forward({ tokens: tokens(1, 2, 3, 4), parents: tokens(-1, 0, 0, 0) }, 'all');
  session.commit(tokens(0, 3));
  assert.is(session.length, 10);
  assert.throws(() => session.forward({ tokens: tokens(1), parents: tokens(-1) }, 'all'), hasCode('context.full'));
});

test('hidden states of a tree have the bits of plain decoding, and depend on the token of their own node', async () => {
  const model = await fixtureModel('test-300k', { sessions: 2 });
  const [session, plain] = [model.session(), model.session()];
  const hidden = (ids: Int32Array, parents: Int32Array) => {
    const rows = session.forward({ tokens: ids, parents }, 'all');
    return Array.from(ids.keys(), (node) => rows.hidden!(node).slice());
  };
  const [root, left, right] = hidden(tokens(5, 6, 7), tokens(-1, 0, 0)) as [Float32Array, Float32Array, Float32Array];
  assert.is(root.length, model.config.hidden);
  prefill(plain, [5]);
  const alone = plain.forward({ tokens: tokens(7), parents: tokens(-1) }, 'last');
  assert.is(firstDifference(alone.hidden!(0), right), -1);
  const [sameRoot, other] = hidden(tokens(5, 8, 7), tokens(-1, 0, 0)) as [Float32Array, Float32Array];
  assert.is(firstDifference(sameRoot, root), -1);
  assert.is.not(firstDifference(other, left), -1);
});

test('states behind the last norm are those of the whole pass, also without logits, and change nothing', async () => {
  const model = await fixtureModel('test-300k');
  const session = model.session();
  const tree = { tokens: tokens(5, 6, 7), parents: tokens(-1, 0, 0) };
  const silent = session.forward(tree, 'none').normed!().slice();
  assert.is(silent.length, 3 * model.config.hidden);
  const rows = session.forward(tree, 'all');
  const logits = rows.logits(2).slice();
  assert.is(firstDifference(rows.normed!().slice(), silent), -1);
  assert.is(firstDifference(rows.logits(2), logits), -1);
  assert.is(firstDifference(session.hidden(), silent), -1);
  session.forward(tree, 'last');
  assert.throws(() => rows.normed!(), hasCode('rows.stale'));
});

test('layers that are given states in the place of embeddings go on from them', async () => {
  const model = await fixtureModel('test-300k');
  const session = model.session();
  const pair = { tokens: tokens(5, 6), parents: tokens(-1, 0) };
  const expected = session.forward(pair, 'none').normed!().slice();
  const given = new Float32Array(2 * model.config.hidden);
  const other = session.forward(pair, 'none', given).normed!().slice();
  assert.is.not(firstDifference(other, expected), -1);
  const { machines, plan } = model;
  const { stream, tokens: ids } = plan.stages[0]!.pass;
  const floats = new Float32Array(machines[0]!.memory.buffer);
  // Embeddings by the kernel itself: a model without layers would leave them where they are.
  const program = new ProgramWriter(machines[0]!.memory, plan.stages[0]!.pass.program, 1);
  new Int32Array(machines[0]!.memory.buffer).set([5, 6], ids / 4);
  pushEmbed(program, plan.weights.embedding, stream, ids, 2);
  machines[0]!.run(program.address, program.ops);
  given.set(floats.subarray(stream / 4, stream / 4 + given.length));
  assert.is(firstDifference(session.forward({ ...pair, tokens: tokens(0, 0) }, 'none', given).normed!(), expected), -1);
});

test('rows of an earlier pass, and rows without logits, are refused', async () => {
  const model = await fixtureModel('test-300k');
  const session = model.session();
  const pair = { tokens: tokens(1, 2), parents: tokens(-1, 0) };
  const earlier = session.forward(pair, 'all');
  const last = session.forward(pair, 'last');
  assert.throws(() => earlier.logits(0), hasCode('rows.stale'));
  assert.throws(() => last.argmax(0), hasCode('rows.missing'));
  assert.is(last.logits(1).length, 512);
  assert.throws(() => session.forward(pair, 'none').logits(1), hasCode('rows.missing'));
});

test('argmax and topK are those of a sort, ties to the lowest id (seed 5)', async () => {
  const next = random(5);
  const model = await fixtureModel('test-300k');
  const session = model.session();
  const rows = session.forward({ tokens: tokens(7), parents: tokens(-1) }, 'all');
  const logits = rows.logits(0);
  for (let round = 0; round < 20; round++) {
    for (let id = 0; id < logits.length; id++) logits[id] = randomInt(next, 40); // a view: made up, with many ties
    const sorted = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
    assert.is(rows.argmax(0), sorted[0]);
    for (const k of [1, 2, 8, MAX_TOP_K]) assert.equal([...rows.topK(0, k)], sorted.slice(0, k));
  }
});

test('a saved session, loaded elsewhere or forked, goes on with the same bits', async () => {
  const model = await fixtureModel('test-300k', { sessions: 3 });
  const first = model.session();
  prefill(first, [3, 1, 4, 1, 5, 9, 2]);
  const saved = first.save();
  const fork = first.fork();
  const loaded = model.session();
  loaded.load(saved);
  const results = [first, fork, loaded].map((session) => prefill(session, [6, 5, 3]));
  assert.is(firstDifference(results[0]!, results[1]!), -1);
  assert.is(firstDifference(results[0]!, results[2]!), -1);
  assert.throws(() => first.fork(), hasCode('session.full'));
  fork.dispose();
  fork.dispose();
  assert.throws(() => fork.forward({ tokens: tokens(1), parents: tokens(-1) }, 'all'), hasCode('session.disposed'));
  assert.is(first.fork().length, 10);
  assert.throws(() => first.fork(), hasCode('session.full'));
});

test('snapshots that are not of this model are refused', async () => {
  const session = (await fixtureModel('test-300k', { context: 20 })).session();
  const other = (await fixtureModel('grouped')).session();
  const longer = (await fixtureModel('test-300k', { context: 30 })).session();
  prefill(other, [1, 2]);
  prefill(
    longer,
    Array.from({ length: 25 }, (_, i) => i),
  );
  prefill(session, [1, 2, 3]);
  const own = session.save();
  const hostile = [other.save(), longer.save(), own.slice(0, -4), own.slice(1), new Uint8Array(0), new Uint8Array(24)];
  for (const bytes of hostile) assert.throws(() => session.load(bytes), hasCode('session.snapshot'));
  assert.is(session.length, 3);
});

test('a snapshot is refused by a model of the same shapes whose weights are others, or held otherwise', async () => {
  const saved = async (model: TransformerModel) => {
    const session = model.session();
    prefill(session, [1, 2, 3]);
    return session.save();
  };
  const load = async (model: TransformerModel, bytes: Uint8Array) => model.session().load(bytes);
  const sameWeights = () => fixtureModel('test-300k', { dtype: 'q8' });
  const own = await saved(await sameWeights());
  await load(await fixtureModel('test-300k', { dtype: 'q8', context: 20, maxNodes: 8 }), own);
  assert.is(await rejection(load(await fixtureModel('test-300k', { dtype: 'f32' }), own)), 'session.snapshot');

  const finetuned = await sameWeights();
  const { address } = finetuned.plan.weights.layers[1]!.down;
  const bytes = new Int8Array(finetuned.machines[0]!.memory.buffer, address, 4096);
  for (let i = 0; i < bytes.length; i++) bytes[i]! ^= 1;
  assert.is(await rejection(load(finetuned, own)), 'session.snapshot');
});

test('a snapshot at any address, in any kind of byte array, is the same snapshot', async () => {
  const model = await fixtureModel('test-300k', { sessions: 2 });
  const [first, second] = [model.session(), model.session()];
  prefill(first, [3, 1, 4]);
  const saved = first.save();
  const buffer = Buffer.alloc(saved.length + 5).subarray(5);
  buffer.set(saved);
  second.load(buffer);
  assert.is(firstDifference(prefill(first, [6, 5]), prefill(second, [6, 5])), -1);
});

for (const kv of ['f32', 'f16', 'q8'] as const) {
  test(`${kv}: saved, loaded in another context and at another capacity, a cache is the same, and forks take all of it`, async () => {
    const model = await fixtureModel('grouped', { kv, sessions: 2 });
    const first = model.session();
    prefill(first, [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]);
    const saved = first.save();
    const other = (await fixtureModel('grouped', { kv, context: 20, maxNodes: 5 })).session();
    other.load(saved, 10);
    assert.equal(other.save(), saved);
    assert.equal(first.fork().save(), saved);
    const [want, got] = [first, other].map((session) => prefill(session, [6, 5, 3], 3));
    assert.is(firstDifference(got!, want!), -1);
  });

  test(`${kv}: a snapshot of a cache of another type is refused`, async () => {
    const session = (await fixtureModel('grouped', { kv })).session();
    prefill(session, [1, 2, 3]);
    const saved = session.save();
    for (const other of ['f32', 'f16', 'q8'] as const) {
      const load = async () => (await fixtureModel('grouped', { kv: other })).session().load(saved);
      assert.is(await rejection(load()), other === kv ? 'no error' : 'session.snapshot', other);
    }
  });
}

test('a cache takes the bytes of its type, and the plan is what is used', async () => {
  const { layers, kvHeads, headDim } = (await fixtureModel('grouped')).config;
  for (const [kv, rowBytes] of [
    ['f32', headDim * 4],
    ['f16', headDim * 2],
    ['q8', headDim + 4],
  ] as const) {
    const { plan, machines } = await fixtureModel('grouped', { kv, context: 56, maxNodes: 8, sessions: 2 });
    assert.is(plan.cacheBytes, 2 * layers * 2 * kvHeads * 64 * rowBytes, kv);
    assert.is(machines[0]!.memory.buffer.byteLength, plan.bytes);
  }
});

test('a session is of no more use once disposed', async () => {
  const session = (await fixtureModel('test-300k')).session();
  prefill(session, [1, 2, 3]);
  session.forward({ tokens: tokens(1), parents: tokens(-1) }, 'none');
  session.dispose();
  const uses = [
    () => session.commit(tokens(0)),
    () => session.truncate(0),
    () => session.fork(),
    () => session.save(),
    () => session.load(new Uint8Array(0)),
    () => session.forward({ tokens: tokens(1), parents: tokens(-1) }, 'none'),
  ];
  for (const use of uses) assert.throws(use, hasCode('session.disposed'), String(use));
});

test('weights and caches above 2 GiB are like any other', async () => {
  // Caches lie below the weights; hosts back only the pages that are written.
  const { config, plan } = await fixtureModel('test-300k');
  const sessions = Math.ceil(2 ** 31 / plan.cacheBytes) + 1;
  const high = planMemory(config, llamaLayout(config), { ...plan.options, sessions });
  assert.ok(high.weights.embedding.address > 2 ** 31);
  const machine = (await createEngine()).createMachine(high.bytes);
  const tensors = await openCheckpoint(await openFolder(fixturePath('test-300k')));
  await loadWeights([machine.memory], checkWeights(weightPlans(high.weights), tensors, config.quantization), {});

  const model = new TransformerModel([machine], config, high);
  const last = Array.from({ length: sessions }, () => model.session()).at(-1)!;
  const expected = prefill((await fixtureModel('test-300k')).session(), [3, 1, 4, 1, 5]);
  assert.is(firstDifference(prefill(last, [3, 1, 4, 1, 5]), expected), -1);
});

test('a plan over the memory limit is refused, one at the limit is not', async () => {
  const { bytes } = (await fixtureModel('test-300k')).plan;
  assert.is((await fixtureModel('test-300k', { memoryLimit: bytes })).plan.bytes, bytes);
  assert.is(await rejection(fixtureModel('test-300k', { memoryLimit: bytes - 1 })), 'memory.limit');
});

test('a dtype that does not fit the widths is refused, and is not chosen by default', async () => {
  assert.is(await rejection(fixtureModel('one-kv-head', { dtype: 'q8' })), 'config.unsupported');
  assert.is((await fixtureModel('one-kv-head')).plan.options.dtype, 'f32');
  assert.is((await fixtureModel('test-300k')).plan.options.dtype, 'q8');
});

test('memory options out of range are refused before anything is reserved', async () => {
  for (const name of ['context', 'sessions', 'maxNodes', 'memoryLimit', 'largestMemory']) {
    for (const value of [0, -1, 1.5, NaN, Infinity, 2 ** 53]) {
      assert.is(await rejection(fixtureModel('grouped', { [name]: value })), 'option.range', `${name} ${value}`);
    }
    for (const value of ['8', null, {}]) {
      assert.is(
        await rejection(fixtureModel('grouped', { [name]: value as never })),
        'option.type',
        `${name} ${value}`,
      );
    }
  }
  for (const name of ['dtype', 'kv']) {
    assert.is(await rejection(fixtureModel('grouped', { [name]: 'q3' as never })), 'option.range');
    assert.is(await rejection(fixtureModel('grouped', { [name]: 8 as never })), 'option.type');
  }
});

test.run();
