/**
 * Loading heads: folders of ours and published ones, what they hold is what is used, and what does not fit is refused before memory is reserved.
 * @module
 */
import { type NamedTensor, writeSafetensors } from '../../src/formats/safetensors-writer.ts';
import { type HeadConfig, headConfigJson, headShapes, parseHeadConfig } from '../../src/heads/format.ts';
import { fixedTree, loadHead } from '../../src/heads/index.ts';
import type { Machine } from '../../src/engine/engine.ts';
import { createEngine, load, type Model } from '../../src/index.ts';
import type { DraftTree } from '../../src/tree/draft-tree.ts';
import { toFloats, toQ8 } from '../../src/formats/values.ts';
import { rejection } from '../codes.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';
import {
  HIDDEN,
  headConfig,
  headFiles,
  type HeadFiles,
  json,
  KINDS,
  randomDraftVocab,
  randomWeights,
  VOCAB,
} from './made-heads.ts';

const model = await load(fixturePath('test-300k'), { context: 128, dtype: 'f32' });
const PATHS = [[0], [1], [0, 0], [0, 1], [1, 0], [0, 0, 0]];

/** The trees of one generation. */
async function treesOf(files: HeadFiles, target: Model = model): Promise<DraftTree[]> {
  const head = await loadHead(files, target, { dtype: 'f32', tree: fixedTree(PATHS) });
  const next = random(7);
  const prompt = Array.from({ length: 12 }, () => randomInt(next, VOCAB));
  await target.generate([1], { maxTokens: 1 }).text(); // so that the prompt is read anew
  const trees: DraftTree[] = [];
  const propose = (budget: number) => {
    trees.push(head.propose(budget));
    return trees.at(-1)!;
  };
  const draft = {
    name: head.name,
    prefill: head.prefill.bind(head),
    begin: head.begin.bind(head),
    propose,
    observe: head.observe.bind(head),
  };
  await target.generate(prompt, { maxTokens: 4, draft }).text();
  assert.ok(trees.some(({ tokens }) => tokens.length > PATHS.length));
  return trees;
}

/** The same weights under other names. */
function renamed(files: HeadFiles, config: unknown, name: string, tensors: NamedTensor[]): HeadFiles {
  assert.ok(files['model.safetensors']);
  return { 'config.json': json(config), [name]: writeSafetensors(tensors) };
}

function tensorsOf(config: HeadConfig, weights: ReadonlyMap<string, Float32Array>, rename: (name: string) => string) {
  const shapes = headShapes(config);
  return Array.from(
    weights,
    ([name, data]): NamedTensor => [rename(name), { dtype: 'F32', shape: shapes.get(name)!, data }],
  );
}

test('what a configuration says is read as it is written', () => {
  for (const kind of KINDS) {
    for (const change of [{}, { draftVocab: 7 }, { accuracy: [[0.5, 0.25], [0.125], []] }, { layers: 5, heads: 3 }]) {
      const config = headConfig(kind, change);
      assert.equal(parseHeadConfig(json(headConfigJson(config))), config);
    }
  }
});

test("published Medusa heads: alone, inside a whole model, and by vLLM's names", async () => {
  const config = headConfig('medusa');
  const weights = randomWeights(config, 1);
  const own = headFiles(config, weights);
  const expected = await treesOf(own);
  // The published file of the 7B model says 2 heads and holds 5: the tensors are counted.
  const settings = { medusa_num_heads: 2, medusa_num_layers: 2, base_model_name_or_path: 'lmsys/vicuna' };
  const alone = renamed(
    own,
    settings,
    'medusa_lm_head.safetensors',
    tensorsOf(config, weights, (name) => name),
  );
  assert.equal(await treesOf(alone), expected);
  const inside = tensorsOf(config, weights, (name) => `medusa_head.${name}`);
  inside.push(['model.norm.weight', { dtype: 'F32', shape: [HIDDEN], data: new Float32Array(HIDDEN) }]);
  assert.equal(await treesOf(renamed(own, settings, 'model.safetensors', inside)), expected);
  const vllm = tensorsOf(config, weights, (name) =>
    name.replace(/^(\d)\.(\d)\.linear/, 'blocks.$1.layers.$2').replace(/^(\d)\.2\.weight/, 'lm_heads.$1.weight'),
  );
  const other = renamed(own, { model_type: 'medusa' }, 'model.safetensors', vllm);
  assert.equal(await treesOf(other), expected);
});

test('published Medusa heads without output layers use that of the model', async () => {
  const tied = headConfig('medusa', { tied: true });
  const weights = randomWeights(tied, 2);
  const files = headFiles(tied, weights);
  const published = { medusa_num_heads: 3 };
  const v2 = renamed(
    files,
    published,
    'medusa_lm_head.safetensors',
    tensorsOf(tied, weights, (name) => name),
  );
  assert.equal(await treesOf(v2), await treesOf(files));
});

test('published Hydra heads: with dropout and without, with a prefix layer and what their file has besides', async () => {
  for (const kind of ['hydra', 'hydra++'] as const) {
    // What the file leaves out of the prefix layer is the model's own.
    const config = headConfig(
      kind,
      kind === 'hydra' ? {} : { prefix: { ...headConfig(kind).prefix!, intermediate: 64 } },
    );
    const weights = randomWeights(config, 3);
    const own = headFiles(config, weights);
    const settings = {
      hydra_head_arch: kind === 'hydra' ? 'mlp' : 'prefix-mlp',
      hydra_num_heads: 3,
      hydra_num_layers: 2,
      grounded_heads: true,
      hidden_state_offset: 0,
    };
    const tensors = tensorsOf(config, weights, (name) => name);
    tensors.push([
      'input_embed_fn.weight',
      { dtype: 'F32', shape: [VOCAB, HIDDEN], data: new Float32Array(VOCAB * HIDDEN) },
    ]);
    const published = renamed(own, settings, 'hydra_lm_head.safetensors', tensors);
    const expected = await treesOf(own);
    assert.equal(await treesOf(published), expected);
    const toOther = (name: string) =>
      kind === 'hydra'
        ? name
            .replace(/^hydra_mlp\.(\d)\.(\d)/, (_, i, j) => `hydra_mlp.${i}.${2 * Number(j) + 1}`)
            .replace(/^hydra_lm_head\.(\d)/, 'hydra_lm_head.$1.1')
        : name
            .replace(/^hydra_mlp\.(\d)\.(\d)/, (_, i, j) => `hydra_mlp.${i}.${(Number(j) - 1) / 2}`)
            .replace(/^hydra_lm_head\.(\d)\.1/, 'hydra_lm_head.$1');
    const other = renamed(own, settings, 'model.safetensors', tensorsOf(config, weights, toOther));
    assert.equal(await treesOf(other), expected);
  }
});

test('matrices stored in blocks are those that the blocks stand for', async () => {
  for (const kind of KINDS) {
    const config = headConfig(kind);
    const shapes = headShapes(config);
    const tensors: NamedTensor[] = [];
    const rounded = new Map(
      Array.from(randomWeights(config, 11), ([name, data]): [string, Float32Array] => {
        const shape = shapes.get(name)!;
        if (shape.length === 1) {
          tensors.push([name, { dtype: 'F32', shape, data }]);
          return [name, data];
        }
        const blocks = toQ8(data, name);
        tensors.push([`${name}.q`, { dtype: 'I8', shape, data: blocks.q }]);
        tensors.push([`${name}.scale`, { dtype: 'F16', shape: [shape[0]!, shape[1]! / 32], data: blocks.scale }]);
        return [name, toFloats({ q8: blocks }).slice()];
      }),
    );
    const quantization = { format: 'q8', blockSize: 32 } as const;
    const stored = {
      'config.json': json(headConfigJson({ ...config, quantization })),
      'model.safetensors': writeSafetensors(tensors),
    };
    assert.equal(await treesOf(stored), await treesOf(headFiles(config, rounded)));
    assert.not.equal(await treesOf(stored), await treesOf(headFiles(config, randomWeights(config, 12))));
  }
});

test('a published recurrent drafter', async () => {
  for (const change of [{}, { exitDim: 64 }, { rnn: false }]) {
    const config = headConfig('recurrent', change);
    const weights = randomWeights(config, 4);
    const own = headFiles(config, weights);
    const settings = {
      model_type: 'recurrent_drafting_drafter',
      vocab_size: VOCAB,
      hidden_size: HIDDEN,
      exit_dim: config.exitDim,
      num_draft_layers: 2,
      rnn: config.rnn,
    };
    const published = renamed(
      own,
      settings,
      'model.safetensors',
      tensorsOf(config, weights, (name) => name),
    );
    assert.equal(await treesOf(published), await treesOf(own));
  }
});

test('a head for another model, and a draft vocabulary that is none, are refused', async () => {
  const wider = headConfig('medusa', { hidden: 128 });
  const files = headFiles(wider, randomWeights(wider, 5));
  assert.is(await rejection(loadHead(files, model)), 'heads.target');
  const larger = headConfig('medusa', { vocab: 513 });
  assert.is(await rejection(loadHead(headFiles(larger, randomWeights(larger, 5)), model)), 'heads.target');
  const reduced = headConfig('hydra', { draftVocab: 8 });
  const weights = randomWeights(reduced, 6);
  const refused = (ids: number[]) => rejection(loadHead(headFiles(reduced, weights, Int32Array.from(ids)), model));
  assert.is(await refused([0, 1, 2, 3, 4, 5, 6, 512]), 'heads.vocab');
  assert.is(await refused([0, 1, 2, 3, 4, 5, 6, -1]), 'heads.vocab');
  assert.is(await refused([0, 1, 2, 3, 4, 5, 6, 6]), 'heads.vocab');
  assert.is(await refused([0, 1, 2]), 'config.shape');
  assert.is(await rejection(loadHead(headFiles(reduced, weights), model)), 'file.tensor');
});

test('a head that is used with another model than its own fails, and the model stays usable', async () => {
  const config = headConfig('medusa');
  const head = await loadHead(headFiles(config, randomWeights(config, 7)), model);
  const other = await load(fixturePath('grouped'));
  const call = () => other.generate([1, 2, 3], { maxTokens: 3, draft: head }).text();
  assert.is(await rejection(call()), 'drafter.failed');
  assert.is((await other.generate([1, 2, 3], { maxTokens: 3, draft: 'none' }).text()).length, 0);
});

const good = headConfig('hydra');
const goodWeights = randomWeights(good, 8);
const goodFiles = headFiles(good, goodWeights);
const withConfig = (change: object): HeadFiles => ({
  ...goodFiles,
  'config.json': json({ ...headConfigJson(good), ...change }),
});
const NO_WEIGHTS = { 'config.json': goodFiles['config.json']! };
const REFUSED: readonly (readonly [what: string, files: HeadFiles, code: string])[] = [
  ['no configuration', { 'model.safetensors': goodFiles['model.safetensors']! }, 'file.missing'],
  ['no weights', NO_WEIGHTS, 'file.missing'],
  ['a pickle', { ...NO_WEIGHTS, 'hydra_lm_head.pt': new Uint8Array(8) }, 'file.pickle'],
  ['a pickle by another name', { ...NO_WEIGHTS, 'pytorch_model.bin': new Uint8Array(8) }, 'file.pickle'],
  [
    'a zip archive by the name of weights',
    { ...NO_WEIGHTS, 'model.safetensors': Uint8Array.from('PK\x03\x04    ', (c) => c.charCodeAt(0)) },
    'file.format',
  ],
  ['a model in the place of a head', withConfig({ foretoken_head: null, model_type: 'llama' }), 'config.unsupported'],
  ['another version', withConfig({ foretoken_head: 2 }), 'config.unsupported'],
  ['another kind', withConfig({ kind: 'eagle' }), 'config.unsupported'],
  ['no kind', withConfig({ kind: null }), 'config.missing'],
  ['no head', withConfig({ heads: 0 }), 'config.range'],
  ['a head that is not there', withConfig({ heads: 4 }), 'file.tensor'],
  ['a block that is not there', withConfig({ layers: 3 }), 'file.tensor'],
  ['accuracies of another number of heads', withConfig({ accuracy: [[1]] }), 'config.range'],
  ['an accuracy over 1', withConfig({ accuracy: [[1.5], [1], [1]] }), 'config.range'],
  ['a prefix layer without sizes', withConfig({ kind: 'hydra++' }), 'config.missing'],
  [
    'a draft vocabulary and the output layer of the model',
    withConfig({ tied: true, draft_vocab_size: 8 }),
    'config.unsupported',
  ],
  [
    'another Hydra',
    { ...goodFiles, 'config.json': json({ hydra_num_heads: 3, hydra_head_arch: 'eagle-attn' }) },
    'config.unsupported',
  ],
];
for (const [what, files, code] of REFUSED) {
  test(`${what}: ${code}, before memory is reserved`, async () => {
    const engine = await createEngine();
    let reserved = 0;
    const count = (machine: Machine) => {
      reserved++;
      return machine;
    };
    const counting = { ...engine, createMachine: (bytes: number) => count(engine.createMachine(bytes)) };
    assert.is(await rejection(loadHead(files, model, { engine: counting })), code);
    assert.is(reserved, 0);
  });
}

const OPTIONS: readonly (readonly [options: object, code: string])[] = [
  [{ type: 'f32' }, 'option.unknown'],
  [{ dtype: 8 }, 'option.type'],
  [{ dtype: 'q5' }, 'option.range'],
  [{ tree: 'fixed' }, 'option.type'],
  [{ tree: fixedTree() }, 'option.range'],
  [{ threads: 0 }, 'option.range'],
];
for (const [options, code] of OPTIONS) {
  test(`${JSON.stringify(options)}: ${code}`, async () => {
    assert.is(await rejection(loadHead(goodFiles, model, options)), code);
  });
}

test('a head of widths that are no whole blocks is held in f32 unless asked otherwise', async () => {
  const config = headConfig('recurrent', { exitDim: 68 });
  const files = headFiles(config, randomWeights(config, 9));
  const head = await loadHead(files, model);
  assert.ok(head.bytes > 0);
  assert.is(await rejection(loadHead(files, model, { dtype: 'q8' })), 'config.unsupported');
});

test('two threads propose what one does', async () => {
  const config = headConfig('hydra++', { draftVocab: 64 });
  const files = headFiles(config, randomWeights(config, 10), randomDraftVocab(64, 10));
  const trees: DraftTree[][] = [];
  for (const threads of [1, 2]) {
    const head = await loadHead(files, model, { threads });
    const seen: DraftTree[] = [];
    await model.generate([1], { maxTokens: 1 }).text(); // so that the prompt is read anew
    await model.generate([5, 6, 7, 8], { maxTokens: 6, draft: head, onStep: ({ tree }) => seen.push(tree) }).text();
    head.dispose();
    trees.push(seen);
  }
  assert.equal(trees[0], trees[1]);
  assert.ok(trees[0]!.some(({ tokens }) => tokens.length > 1));
});

test('a model that is split over several memories has the same trees drafted', async () => {
  const split = await load(fixturePath('test-300k'), { context: 128, dtype: 'f32', largestMemory: 2 ** 20 });
  assert.ok(split.memory.memories > 1);
  for (const kind of ['medusa', 'hydra++'] as const) {
    const config = headConfig(kind, { tied: kind === 'medusa' });
    const files = headFiles(config, randomWeights(config, 13));
    assert.equal(await treesOf(files, split), await treesOf(files));
  }
});

test('a head for a model that has been disposed: model.disposed', async () => {
  const gone = await load(fixturePath('test-300k'));
  gone.dispose();
  assert.is(await rejection(loadHead(goodFiles, gone)), 'model.disposed');
});

test('with auto no node of a head is verified where passes cost as much as their tokens, and some are where they cost little', async () => {
  const head = await loadHead(goodFiles, model);
  const drafted = async (costTable: readonly number[]) => {
    const generation = model.generate([9, 8, 7, 6], { maxTokens: 40, draft: ['auto', head], costTable });
    await generation.text();
    return generation.stats.num_draft_tokens;
  };
  assert.is(await drafted([0, 1, 2, 3, 4]), 0);
  assert.ok((await drafted([0, 1, 1.001])) > 0);
});

test('a broken-off load ends with the reason of the signal', async () => {
  const controller = new AbortController();
  const onProgress = () => controller.abort(new Error('enough'));
  const call = loadHead(goodFiles, model, { signal: controller.signal, onProgress });
  assert.is(await rejection(call), 'Error: enough');
});

test.run();
