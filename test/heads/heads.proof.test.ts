/**
 * Draft heads beside twins in f64: the trees that they propose while the small test model decodes, and its output, which they do not change.
 * @module
 */
import { openCheckpoint } from '../../src/formats/checkpoint.ts';
import { openFolder } from '../../src/formats/folder.ts';
import { readFloats } from '../../src/formats/tensors.ts';
import type { HeadConfig } from '../../src/heads/format.ts';
import {
  beamTree,
  fixedTree,
  type HeadOptions,
  type HeadTree,
  likeliestTree,
  loadHead,
} from '../../src/heads/index.ts';
import { type Drafter, type DraftTree, type GenerateOptions, load } from '../../src/index.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';
import {
  HIDDEN,
  headConfig,
  headFiles,
  KINDS,
  randomDraftVocab,
  randomWeights,
  VOCAB,
  type Weights,
} from './made-heads.ts';
import { type ChoicesAfter, type Fault, twin, type TwinTarget } from './twin.ts';
import { beamNodes, difference, likeliestNodes, rankNodes, type TwinNode } from './twin-trees.ts';

const MAX_TOKENS = 10;
const NODES = 12;
const CHEAP = [0, 1, 1.001];

const model = await load(fixturePath('test-300k'), { context: 256, dtype: 'f32', sessions: 2, maxNodes: 16 });
const observed = model.conversation().target;
const embedding = await readEmbedding();

const prompt = (seed: number) => {
  const next = random(seed);
  return Array.from({ length: 20 }, () => randomInt(next, VOCAB));
};

async function readEmbedding(): Promise<Float32Array> {
  const tensors = await openCheckpoint(await openFolder(fixturePath('test-300k')));
  const table = new Float32Array(VOCAB * HIDDEN);
  for await (const { row, data } of readFloats(tensors.get('model.embed_tokens.weight')!))
    table.set(data, row * HIDDEN);
  return table;
}

/** The target after all but the last token of a text. */
function targetAfter(history: readonly number[]): TwinTarget {
  observed.truncate(0);
  const states: number[][] = [];
  for (let start = 0; start < history.length - 1; start += observed.maxNodes) {
    const tokens = Int32Array.from(history.slice(start, Math.min(start + observed.maxNodes, history.length - 1)));
    const rows = observed.forward({ tokens, parents: tokens.map((_, i) => i - 1) }, 'none');
    const normed = rows.normed!();
    for (const i of tokens.keys()) states.push([...normed.subarray(i * HIDDEN, (i + 1) * HIDDEN)]);
    observed.commit(tokens.map((_, i) => i));
  }
  return { states, embedding: (token) => [...embedding.subarray(token * HIDDEN, (token + 1) * HIDDEN)] };
}

/** A drafter, and what it has proposed: after which text, which tree. */
function watched(inner: Drafter, proposals: { history: number[]; tree: DraftTree }[]): Drafter {
  let history: number[] = [];
  return {
    name: inner.name,
    prefill: (block) => inner.prefill!(block),
    begin(text, seed) {
      history = [...text];
      inner.begin(text, seed);
    },
    propose(budget) {
      const tree = inner.propose(budget) as DraftTree;
      proposals.push({ history: [...history], tree });
      return tree;
    },
    observe(step) {
      history = [...step.history];
      inner.observe(step);
    },
  };
}

/** A way to grow trees, and its twin. */
interface Way {
  readonly tree: HeadTree;
  readonly nodes: (after: ChoicesAfter, root: number, depth: number) => TwinNode[];
}

const PATHS = [[0], [1], [0, 0], [2], [0, 1], [1, 0], [0, 0, 0], [1, 0, 2]];
const WAYS: Readonly<Record<string, Way>> = {
  likeliest: {
    tree: likeliestTree({ width: 64 }),
    nodes: (after, root, depth) => likeliestNodes(after, root, depth, NODES),
  },
  fixed: { tree: fixedTree(PATHS), nodes: (after, root) => rankNodes(after, root, PATHS) },
  beam: { tree: beamTree({ width: 4 }), nodes: (after, root, depth) => beamNodes(after, root, depth, 4) },
};

/** The model's output layer, which is its embedding, in the place of every head's own. */
function withTable(weights: Weights, { layers }: HeadConfig): Weights {
  const heads = [0, 1, 2].flatMap((i) => [`${i}.${layers}`, `hydra_lm_head.${i}`, `hydra_lm_head.${i}.1`]);
  return new Map([
    ...weights,
    ...[...heads, `lm_head.${layers}`].map((name) => [`${name}.weight`, embedding] as const),
  ]);
}

/** Trees that a head proposed in one generation. */
async function proposals(config: HeadConfig, seed: number, options: HeadOptions, draftVocab?: Int32Array) {
  const weights = randomWeights(config, seed);
  const head = await loadHead(headFiles(config, weights, draftVocab), model, { dtype: 'f32', ...options });
  const found: { history: number[]; tree: DraftTree }[] = [];
  const generate = { maxTokens: MAX_TOKENS, draft: watched(head, found), draftTokens: NODES };
  await model.generate(prompt(seed), generate).text();
  return { weights: config.tied ? withTable(weights, config) : weights, found };
}

const VARIANTS: readonly (readonly [what: string, change: Partial<HeadConfig>, kinds?: readonly string[]])[] = [
  ['', {}],
  [', one block', { layers: 1 }],
  [', a draft vocabulary of 101', { draftVocab: 101 }],
  [', the output layer of the target', { tied: true }, ['medusa', 'hydra', 'hydra++']],
  [', the output layer of the target', { tied: true, exitDim: HIDDEN }, ['recurrent']],
  [', a narrower exit', { exitDim: 64 }, ['recurrent']],
  [', a state without weights', { rnn: false }, ['recurrent']],
  [', a prefix of as many key heads', { prefix: { ...headConfig('hydra++').prefix!, kvHeads: 6 } }, ['hydra++']],
];

let seed = 0;
for (const kind of KINDS) {
  for (const [what, change, kinds = KINDS] of VARIANTS) {
    if (!kinds.includes(kind)) continue;
    for (const [way, { tree, nodes }] of Object.entries(WAYS)) {
      if (what !== '' && way !== 'likeliest') continue;
      const own = ++seed;
      test(`${kind}${what}: ${way} trees are those of the formulas (seed ${own})`, async () => {
        const config = headConfig(kind, change);
        const draftVocab = config.draftVocab === undefined ? undefined : randomDraftVocab(config.draftVocab, own);
        const { weights, found } = await proposals(config, own, { tree }, draftVocab);
        assert.ok(found.length >= 4);
        const faults: Fault[] = ['position before'];
        if (kind !== 'recurrent') faults.push('level below');
        if (kind !== 'medusa') faults.push('path one behind');
        if (kind !== 'medusa' && config.rnn !== false) faults.push('path reversed');
        if (kind === 'recurrent') faults.push('state not carried on');
        const told = new Set<Fault>();
        for (const { history, tree: proposed } of [found[0]!, found[1]!, found.at(-1)!]) {
          const target = targetAfter(history);
          const differs = (fault?: Fault) => {
            const after = twin(config, weights, target, { draftVocab, fault });
            return difference(proposed, nodes(after, history.at(-1)!, config.heads));
          };
          assert.is(differs(), undefined, `after ${history.length} tokens`);
          for (const fault of faults) if (!told.has(fault) && differs(fault) !== undefined) told.add(fault);
        }
        assert.equal([...told].sort(), faults.sort(), 'faults that the comparison tells');
      });
    }
  }
}

test('the first step has a guess already, as the prompt was read just before', async () => {
  const { found } = await proposals(headConfig('medusa'), 40, {});
  assert.equal(found[0]!.history, prompt(40));
  assert.is(found[0]!.tree.tokens.length, NODES + 1);
});

test('beams that begin alike share nodes: without that the trees would differ', async () => {
  const config = headConfig('recurrent');
  const { weights, found } = await proposals(config, 41, { tree: beamTree({ width: 4 }) });
  const shared = found.filter(({ history, tree }) => {
    const target = targetAfter(history);
    const after = twin(config, weights, target);
    return difference(tree, beamNodes(after, history.at(-1)!, config.heads, 4, true)) !== undefined;
  });
  assert.ok(shared.length > 0);
});

const SETTINGS: readonly GenerateOptions[] = [{}, { temperature: 0.8, topK: 40, seed: 3 }];

for (const kind of KINDS) {
  test(`${kind}: the tokens of plain decoding, greedy and sampled, alone, merged and with auto`, async () => {
    for (const dtype of ['f32', 'q8'] as const) {
      const config = headConfig(kind, { accuracy: [[0.5, 0.2], [0.4, 0.1], [0.3]] });
      const files = headFiles(config, randomWeights(config, 50));
      for (const tree of [likeliestTree(), fixedTree(), beamTree({ width: 3, length: 2 })]) {
        const head = await loadHead(files, model, { dtype, tree });
        for (const settings of SETTINGS) {
          const run = async (draft: GenerateOptions['draft']) => {
            const options = { ...settings, maxTokens: 24, draft: draft!, costTable: CHEAP };
            const generation = model.generate(prompt(51), options);
            await generation.text();
            return generation;
          };
          const plain = await run('none');
          for (const draft of [head, ['lookup', head], ['auto', head]] as const) {
            const { tokens, stats } = await run(draft);
            assert.equal(tokens, plain.tokens);
            assert.ok(stats.num_draft_tokens > 0);
          }
        }
      }
    }
  });
}

test.run();
