/**
 * Models that are larger than one memory may be: planned and split as documented, and the bits are those of one memory.
 * @module
 */
import { createEngine, type Machine } from '../../src/engine/engine.ts';
import { KV_MOVE_F32, OP_WORDS } from '../../src/engine/opcodes.ts';
import { openFolder } from '../../src/formats/folder.ts';
import { estimate, load } from '../../src/load.ts';
import { type LoadOptions, type MemoryOptions, planFor, readConfig } from '../../src/model/load-transformer.ts';
import { MOST_STAGES, type MemoryPlan } from '../../src/model/memory-plan.ts';
import type { Session } from '../../src/model/session.ts';
import type { TransformerModel } from '../../src/model/transformer-model.ts';
import { hasCode, rejection } from '../codes.ts';
import { assert, firstDifference, random, randomInt, test } from '../harness.ts';
import { fillUnusedSlots, fixtureModel, fixturePath, POISON, prefill } from './fixture-model.ts';
import { differingNodes, treeLogits } from './plain-decoding.ts';
import { pathTo, randomParents, withTokens } from './trees.ts';

/** Three layers, tied: the head is the embedding, in the first memory. Four layers and a head of its own, in the last. */
const MODELS = ['test-300k', 'sharded'] as const;

const TYPES: readonly LoadOptions[] = [
  { dtype: 'f32' },
  { dtype: 'q8' },
  { dtype: 'q4' },
  { dtype: 'f32', kv: 'f16' },
  { dtype: 'q8', kv: 'q8' },
];

/** Small beside the weights, as in large models. */
const SMALL = { context: 128, maxNodes: 24, sessions: 2 } as const;

const largest = ({ stages }: MemoryPlan) => Math.max(...stages.map(({ bytes }) => bytes));

/** Plans over 1, 2, 3 and 4 memories: each over memories that are smaller than the largest of the one before. */
async function splits(name: string, options: MemoryOptions = {}): Promise<MemoryPlan[]> {
  const config = await readConfig(await openFolder(fixturePath(name)));
  const plans: MemoryPlan[] = [];
  for (let largestMemory: number | undefined; plans.length < 4; largestMemory = largest(plans.at(-1)!) - 1) {
    plans.push(planFor(config, { ...SMALL, ...options, ...(largestMemory && { largestMemory }) }));
  }
  assert.equal(
    plans.map(({ stages }) => stages.length),
    [1, 2, 3, 4],
  );
  return plans;
}

/** The same model over 1, 2, 3 and 4 memories. */
async function splitModels(name: string, options: LoadOptions = {}): Promise<TransformerModel[]> {
  const plans = await splits(name, options);
  return Promise.all(plans.map((plan) => fixtureModel(name, { ...SMALL, ...options, largestMemory: largest(plan) })));
}

const randomTokens = (next: () => number, count: number, { vocab }: { readonly vocab: number }) =>
  Array.from({ length: count }, () => randomInt(next, vocab));

/** Everything that a session may be asked for, on random trees: logits of every node, what a commit leaves, what follows. */
function story(model: TransformerModel, seed: number): { logits: Float32Array[]; cache: Uint8Array; ids: number[] } {
  const next = random(seed);
  const session = model.session();
  const logits = [prefill(session, randomTokens(next, 21, session), 8)];
  const ids: number[] = [];
  for (let step = 0; step < 4; step++) {
    fillUnusedSlots(model, session, POISON);
    const tree = withTokens(randomParents(next, 2 + randomInt(next, 20)), next, session.vocab);
    logits.push(...treeLogits(session, tree));
    const rows = session.forward(tree, 'all');
    const node = randomInt(next, tree.tokens.length);
    ids.push(rows.argmax(node), ...rows.topK(node, 5));
    session.commit(Int32Array.from(pathTo(tree.parents, node)));
  }
  session.truncate(session.length - 3);
  logits.push(prefill(session, randomTokens(next, 4, session)));
  const fork = session.fork();
  logits.push(prefill(fork, randomTokens(next, 2, session)));
  const cache = fork.save();
  fork.dispose();
  session.dispose();
  return { logits, cache, ids };
}

function sameStory(model: TransformerModel, other: TransformerModel, seed: number): boolean {
  const [a, b] = [story(model, seed), story(other, seed)];
  return (
    a.logits.every((row, i) => firstDifference(row, b.logits[i]!) === -1) &&
    Buffer.compare(a.cache, b.cache) === 0 &&
    a.ids.join() === b.ids.join()
  );
}

for (const name of MODELS) {
  for (const types of TYPES) {
    test(`${name}, ${types.dtype}, cache in ${types.kv ?? 'f32'}: over 2, 3 and 4 memories logits, tokens, commits, forks and snapshots have the bits of one (seeds 1, 2)`, async () => {
      const [whole, ...split] = await splitModels(name, types);
      for (const model of split) {
        for (const seed of [1, 2]) assert.ok(sameStory(model, whole!, seed), `${model.machines.length} memories`);
        assert.not(
          firstDifference(story(model, 1).logits[0]!, story(whole!, 2).logits[0]!) === -1,
          'other tokens, same logits',
        );
      }
    });
  }

  test(`${name}: two threads over several memories have the bits of one thread over one memory (seed 3)`, async () => {
    const whole = await fixtureModel(name, SMALL);
    for (const model of await splitModels(name, { threads: 2 })) {
      assert.ok(sameStory(model, whole, 3), `${model.machines.length} memories`);
      model.dispose();
    }
  });

  test(`${name}: every node of random trees has the bits of plain decoding over three memories (seed 4)`, async () => {
    const next = random(4);
    const session = (await splitModels(name))[2]!.session();
    for (let round = 0; round < 20; round++) {
      session.truncate(0);
      prefill(session, randomTokens(next, 1 + randomInt(next, 30), session));
      const tree = withTokens(randomParents(next, 2 + randomInt(next, 20)), next, session.vocab);
      assert.equal(differingNodes(session, tree), [], `round ${round}, parents ${tree.parents}`);
    }
  });

  test(`${name}: a snapshot of a split model is loaded by a whole one, and the other way round`, async () => {
    const models = await splitModels(name);
    const after = (session: Session) => prefill(session, [6, 5, 3]);
    for (const from of models) {
      const first = from.session();
      prefill(first, [3, 1, 4, 1, 5]);
      const saved = first.save();
      const expected = after(first);
      first.dispose();
      for (const to of models) {
        const second = to.session();
        second.load(saved);
        assert.is(firstDifference(after(second), expected), -1, `${from.machines.length} to ${to.machines.length}`);
        second.dispose();
      }
    }
  });
}

test('generations over several memories are those of one, drafted or not, and say how many memories there are', async () => {
  const limits = (await splits('test-300k')).map(largest);
  const prompt = Array.from({ length: 60 }, (_, i) => ((i % 15) * 37) % 512);
  const texts = new Set<string>();
  for (const [i, largestMemory] of limits.entries()) {
    const options = { ...SMALL, largestMemory };
    const model = await load(fixturePath('test-300k'), options);
    assert.is(model.memory.memories, i + 1);
    assert.equal(model.memory, await estimate(fixturePath('test-300k'), options));
    for (const draft of ['none', 'lookup'] as const) {
      const generation = model.generate(prompt, { maxTokens: 24, draft });
      await generation.text();
      texts.add(generation.tokens.join());
    }
  }
  assert.is(texts.size, 1);
});

test('one memory runs a pass in one call; several run their parts in turn, a tied head in the first again', async () => {
  for (const [name, last] of [
    ['test-300k', [0, 1, 2, 0]],
    ['sharded', [0, 1, 2]],
  ] as const) {
    for (const plan of (await splits(name)).slice(0, 3)) {
      const ran: number[] = [];
      const spied = (machine: Machine, stage: number): Machine => ({
        ...machine,
        run(program, ops) {
          ran.push(stage);
          machine.run(program, ops);
        },
      });
      const options = { ...SMALL, largestMemory: largest(plan), wrapMachine: spied };
      const session = (await fixtureModel(name, options)).session();
      const pass = { tokens: Int32Array.of(1, 2), parents: Int32Array.of(-1, 0) };
      session.forward(pass, 'last');
      const count = plan.stages.length;
      assert.equal(ran.splice(0), count === 1 ? [0] : count === 2 ? [0, 1, ...last.slice(3)] : last);
      session.forward(pass, 'none');
      assert.equal(ran.splice(0), [0, 1, 2].slice(0, count));
      session.commit(Int32Array.of(0, 1));
      assert.equal(ran.splice(0), [], 'nothing to move');
    }
  }
});

// Faults, planted in the machine of one memory of two.

/** Whether the story of a faulty model over two memories is that of a whole one. */
async function unseen(wrapMachine: (machine: Machine, stage: number) => Machine): Promise<boolean> {
  const options = { ...SMALL, dtype: 'f32' } as const;
  const largestMemory = largest((await splits('sharded', options))[1]!);
  const model = await fixtureModel('sharded', { ...options, largestMemory, wrapMachine });
  assert.is(model.machines.length, 2);
  return sameStory(model, await fixtureModel('sharded', options), 5);
}

test('without a fault nothing differs', async () => {
  assert.ok(await unseen((machine) => machine));
});

test('a stream that is copied before the last layer of a stage is done is caught (planted fault)', async () => {
  const OPS_BEHIND = 4; // gate, down projection, addition: some of the last layer's
  let late = () => {};
  let times = 0;
  const hasty = (machine: Machine, stage: number): Machine => ({
    ...machine,
    run(program, ops, alone) {
      if (stage === 0 && !alone) {
        machine.run(program, ops - OPS_BEHIND);
        late = () => machine.run(program + (ops - OPS_BEHIND) * OP_WORDS * 4, OPS_BEHIND);
        return;
      }
      late();
      late = () => {};
      times++;
      machine.run(program, ops, alone);
    },
  });
  assert.not(await unseen(hasty));
  assert.ok(times > 0);
});

test('a stream of which only the first row is copied is caught (planted fault)', async () => {
  let rowsLost = 0;
  const short = (machine: Machine, stage: number): Machine => ({
    ...machine,
    run(program, ops, alone) {
      // A norm comes first: its input is the stream, rows and width behind it.
      const [, , stream, , rows, dim] = new Int32Array(machine.memory.buffer, program, 6) as unknown as number[];
      if (stage === 1 && !alone) {
        new Int32Array(machine.memory.buffer, stream! + dim! * 4, (rows! - 1) * dim!).fill(0);
        rowsLost += rows! - 1;
      }
      machine.run(program, ops, alone);
    },
  });
  assert.not(await unseen(short));
  assert.ok(rowsLost > 0);
});

for (const faultyStage of [0, 1]) {
  test(`a cache of memory ${faultyStage} that commits another path than the other's is caught (planted fault)`, async () => {
    let moves = 0;
    const other = (machine: Machine, stage: number): Machine => ({
      ...machine,
      run(program, ops, alone) {
        const words = new Int32Array(machine.memory.buffer, program, ops * OP_WORDS);
        for (let op = 0; op < words.length && stage === faultyStage; op += OP_WORDS) {
          if (words[op] === KV_MOVE_F32) {
            words[op + 3]! -= 1; // the slot before
            moves++;
          }
        }
        machine.run(program, ops, alone);
      },
    });
    assert.not(await unseen(other));
    assert.ok(moves > 0);
  });
}

test('layers are dealt to as few memories as hold them, nearly equal in bytes, and what is planned is what is used', async () => {
  for (const name of MODELS) {
    const plans = await splits(name);
    for (const plan of plans) {
      const { weights, stages } = plan;
      const stageOfLayers = weights.layers.map(({ stage }) => stage);
      assert.equal([...stageOfLayers], [...stageOfLayers].sort());
      assert.is(weights.embedding.stage, 0);
      assert.is(weights.head.stage, name === 'sharded' ? stages.length - 1 : 0);
      assert.is(
        plan.bytes,
        stages.reduce((sum, { bytes }) => sum + bytes, 0),
      );
      const parts = plan.weightBytes + plan.cacheBytes + plan.passBytes;
      assert.ok(plan.bytes - parts < stages.length * (65_536 + 512));
      const { machines } = await fixtureModel(name, { ...SMALL, largestMemory: largest(plan) });
      assert.equal(
        machines.map(({ memory }) => memory.buffer.byteLength),
        stages.map(({ bytes }) => bytes),
      );
    }
  }
});

/** config.json of Llama-2-7B. */
const LLAMA_2_7B = {
  ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu', torch_dtype: 'float16' },
  ...{ hidden_size: 4096, intermediate_size: 11_008, num_hidden_layers: 32, vocab_size: 32_000 },
  ...{ num_attention_heads: 32, num_key_value_heads: 32, max_position_embeddings: 4096 },
  ...{ rms_norm_eps: 1e-5, tie_word_embeddings: false },
};

test('estimate plans Llama-2-7B: at 4 bits over two memories, else over as many as it takes', async () => {
  const folder = { 'config.json': new TextEncoder().encode(JSON.stringify(LLAMA_2_7B)) };
  const memories = async (options: MemoryOptions) => (await estimate(folder, options)).memories;
  assert.is(await memories({ dtype: 'q4', context: 128, maxNodes: 1 }), 2);
  assert.is(await memories({ dtype: 'q4' }), 2);
  assert.is(await memories({ dtype: 'q8' }), 3);
  assert.is(await memories({ dtype: 'f32' }), 8);
  const { weights, cache, total } = await estimate(folder, { dtype: 'q4' });
  // Blocks of 32 weights in 4 bits and an f32 scale; norms in f32. Keys and values of 2048 positions and 64 nodes.
  const parameters = 2 * 32_000 * 4096 + 32 * (4 * 4096 * 4096 + 3 * 4096 * 11_008);
  assert.is(weights, (parameters * 20) / 32 + (2 * 32 + 1) * 4096 * 4);
  assert.is(cache, 2 * 32 * (2048 + 64) * 4096 * 4);
  assert.ok(total > weights + cache && total < 1.01 * (weights + cache) + 2e7);
  assert.is(await rejection(estimate(folder, { dtype: 'q4', memoryLimit: 2 ** 32 })), 'memory.limit');
});

test('a layer or an embedding that is larger than one memory is refused with its size, before anything is reserved', async () => {
  const engine = await createEngine();
  const counting = { ...engine, createMachine: () => assert.unreachable() as never };
  const largestMemory = largest((await splits('test-300k'))[3]!) - 1;
  const options = { ...SMALL, largestMemory, engine: counting };
  const error = await load(fixturePath('test-300k'), options).catch((reason) => reason);
  assert.ok(hasCode('memory.limit')(error));
  assert.match(error.message, `${MOST_STAGES} memories of ${largestMemory}: a layer`);
  assert.match(error.message, /caches has \d{6}, the embedding \d{5}$/);

  const wide = { ...LLAMA_2_7B, vocab_size: 1_000_000 };
  const folder = { 'config.json': new TextEncoder().encode(JSON.stringify(wide)) };
  assert.is(await rejection(estimate(folder, { dtype: 'f32' })), 'memory.limit');
  assert.is((await estimate(folder, { dtype: 'q4' })).memories, 3);
});

test('a host that refuses a later memory is memory.refused, and no thread has been started', async () => {
  const { Memory } = WebAssembly;
  const engine = await createEngine({ worker: () => assert.unreachable() as never });
  const [, , three] = await splits('sharded');
  for (const threads of [1, 2]) {
    let granted = 0;
    WebAssembly.Memory = class extends Memory {
      constructor(descriptor: WebAssembly.MemoryDescriptor) {
        if (granted++ === 2) throw new RangeError('planted');
        super(descriptor);
      }
    };
    try {
      const loading = load(fixturePath('sharded'), { ...SMALL, engine, threads, largestMemory: largest(three!) });
      assert.is(await rejection(loading), 'memory.refused');
      assert.is(granted, 3);
    } finally {
      WebAssembly.Memory = Memory;
    }
  }
});

test.run();
