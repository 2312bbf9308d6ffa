/**
 * The joint law of three sampled tokens is the target's, whatever drafts and whichever lossless rule accepts: a million drafted outputs of random
 * models for each pair, and outputs of the embedded model that another temperature of itself drafts for.
 * @module
 */
import { join } from 'node:path';
import { repository } from '../../bench/shared/prompts.ts';
import { TokenCache } from '../../src/decode/token-cache.ts';
import {
  beam,
  branches,
  chains,
  draftModel,
  likeliest,
  topAndOne,
  type TreeShape,
} from '../../src/draft/draft-model.ts';
import { SampledTree } from '../../src/draft/sampled-tree.ts';
import { exp } from '../../src/engine/math.ts';
import { type GenerateOptions, load } from '../../src/index.ts';
import type { TargetRows } from '../../src/model/target.ts';
import { chain, type DraftSampling, type DraftTree } from '../../src/tree/draft-tree.ts';
import { SeededChooser, STREAMS } from '../../src/verify/chooser.ts';
import {
  type AcceptanceRule,
  exactDraw,
  greedyMultiDraft,
  kSeq,
  lossyLenience,
  speculativeSampling,
  withoutReplacement,
} from '../../src/verify/index.ts';
import { normalise, TargetWeights } from '../../src/verify/rule.ts';
import { assert, note, random, test } from '../harness.ts';

const NEUTRAL = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
/** 8 tokens, three of them: 512 cells. */
const VOCAB = 8;
const TOKENS = 3;
const CELLS = VOCAB ** TOKENS;
/** 511 degrees of freedom: more comes once in a million times. */
const LIMIT = 678;
const RUNS = 1_000_000;

const PAIRS: readonly (readonly [AcceptanceRule<never>, TreeShape<DraftSampling>])[] = [
  [speculativeSampling, chains(1, 2)],
  [speculativeSampling, chains(3, 2)],
  [kSeq, chains(3, 2)],
  [withoutReplacement, branches([2, 2])],
  [withoutReplacement, beam(3, 2)],
  [greedyMultiDraft, topAndOne([3, 2])],
  [exactDraw, likeliest([2, 2])],
];

/** Logits and distribution after each path of up to three tokens, its number in base 9. */
function modelOf(seed: number): { logits: Float32Array[]; laws: Float64Array[] } {
  const next = random(seed);
  const logits = Array.from({ length: 9 ** TOKENS }, () => Float32Array.from({ length: VOCAB }, () => 3 * next()));
  const laws = logits.map((row) => {
    const law = Float64Array.from(row, exp);
    normalise(law);
    return law;
  });
  return { logits, laws };
}
const longer = (path: number, token: number) => path * 9 + token + 1;

/** Pearson's sum over all cells. @param law probability of each cell */
function chiSquare(counts: Float64Array, law: Float64Array, runs: number): number {
  let sum = 0;
  counts.forEach((count, cell) => {
    if (law[cell]! > 0) sum += (count - runs * law[cell]!) ** 2 / (runs * law[cell]!);
    else assert.is(count, 0);
  });
  return sum;
}

/** Outputs of random models, drafted and verified pass by pass. */
function outputs(rule: AcceptanceRule<never>, shape: TreeShape<DraftSampling>, runs: number): Float64Array {
  const [target, drafter] = [modelOf(1), modelOf(2)];
  const counts = new Float64Array(CELLS);
  const sampler = new SeededChooser(3, STREAMS.draft);
  const verifier = rule.create({ sampling: NEUTRAL, seed: 3, draft: [] }, VOCAB);
  let steps = 0;
  for (let run = 0; run < runs; run++) {
    let path = 0;
    let cell = 0;
    for (let count = 0; count < TOKENS; ) {
      const { tree, paths } = drafted(shape, drafter.laws, path, TOKENS - count - 1, sampler.at(steps++));
      const rows = { logits: (node: number) => target.logits[paths[node]!]! } as TargetRows;
      for (let node = 0; node >= 0 && count < TOKENS; ) {
        // Nothing but the length of a history counts here, and no two decisions have the same.
        const history = { length: run * TOKENS + count + 1 } as readonly number[];
        const decision = verifier.decide(tree, node, rows, history);
        cell = cell * VOCAB + decision.token;
        path = longer(path, decision.token);
        count++;
        node = decision.child;
      }
    }
    counts[cell]!++;
  }
  return counts;
}

/** A tree at most so deep, and the number of each node's path. */
function drafted(
  shape: TreeShape<DraftSampling>,
  laws: readonly Float64Array[],
  root: number,
  depth: number,
  sampler: SeededChooser,
): { tree: DraftTree; paths: number[] } {
  const tree = new SampledTree(0);
  const paths = [root];
  const grow = shape.start();
  let frontier = [0];
  for (let level = 0; level < Math.min(shape.depth, depth); level++) {
    frontier = grow(tree, frontier, (node) => laws[paths[node]!]!.slice(), sampler);
    for (const node of frontier) paths[node] = longer(paths[tree.parents[node]!]!, tree.tokens[node]!);
  }
  return { tree: tree.build(), paths };
}

function expected(): Float64Array {
  const { laws } = modelOf(1);
  return Float64Array.from({ length: CELLS }, (_, cell) => {
    const tokens = [Math.floor(cell / VOCAB ** 2), Math.floor(cell / VOCAB) % VOCAB, cell % VOCAB];
    let [path, probability] = [0, 1];
    for (const token of tokens) {
      probability *= laws[path]![token]!;
      path = longer(path, token);
    }
    return probability;
  });
}

for (const [rule, shape] of PAIRS) {
  test(`${rule.name} with ${shape.name}: three tokens of ${RUNS} outputs have the target's joint law`, () => {
    const found = chiSquare(outputs(rule, shape, RUNS), expected(), RUNS);
    note(`${rule.name}, ${shape.name}: chi-square ${found.toFixed(0)} of at most ${LIMIT}`);
    assert.ok(found < LIMIT, `${found}`);
  });
}

test('a lossy rule is far from it', () => {
  const runs = RUNS / 20;
  assert.ok(chiSquare(outputs(lossyLenience(0.3), chains(1, 2), runs), expected(), runs) > 2 * LIMIT);
});

/** Of the embedded model: settings that leave at most 4 tokens at a position, so that 64 cells hold all outputs. */
const SETTINGS = { temperature: 1, topK: 4 };
const MODEL_RUNS = 6000;
/** 63 degrees of freedom: more comes once in a million times. */
const MODEL_LIMIT = 135;

test(`the embedded model: three tokens of ${MODEL_RUNS} generations have its joint law, for every pair`, async () => {
  const model = await load(join(repository, 'weights/foretoken-code'), { dtype: 'q8', sessions: 3 });
  const prompt = Array.from(model.encode('export function add(a, b) {\n  '));
  const cells = jointLaw(new TokenCache(model.conversation().target), prompt, model.config.vocab);
  for (const [verifier, shape] of PAIRS) {
    const draft = draftModel(model, shape, { temperature: 1.4, topK: 8 });
    const counts = new Map<string, number>();
    for (let seed = 0; seed < MODEL_RUNS; seed++) {
      const options: object = { ...SETTINGS, maxTokens: TOKENS, seed, draft, verifier };
      const generation = model.generate(prompt, options as GenerateOptions);
      await generation.text();
      const key = generation.tokens.join();
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    draft.dispose();
    let sum = 0;
    for (const [key, probability] of cells) {
      sum += ((counts.get(key) ?? 0) - MODEL_RUNS * probability) ** 2 / (MODEL_RUNS * probability);
      counts.delete(key);
    }
    assert.equal([...counts], [], 'outputs that the target never gives');
    note(`embedded model, ${verifier.name}, ${shape.name}: chi-square ${sum.toFixed(0)} of at most ${MODEL_LIMIT}`);
    assert.ok(sum < MODEL_LIMIT, `${verifier.name}, ${shape.name}: ${sum}`);
  }
});

/** Probability of each output of three tokens, computed token by token. */
function jointLaw(cache: TokenCache, prompt: readonly number[], vocab: number): Map<string, number> {
  const weights = new TargetWeights(vocab, { ...NEUTRAL, ...SETTINGS });
  const law = new Map<string, number>();
  const visit = (path: readonly number[], probability: number) => {
    if (path.length === TOKENS) {
      law.set(path.join(), probability);
      return;
    }
    const history = Int32Array.from([...prompt, ...path]);
    const kept = cache.reuse(history);
    const block = chain(history.subarray(kept));
    const rows = cache.target.forward(block, 'last');
    const row = weights.at(rows.logits(block.tokens.length - 1), [...history]).slice();
    normalise(row);
    row.forEach((prob, token) => {
      if (prob > 0) visit([...path, token], probability * prob);
    });
  };
  visit([], 1);
  return law;
}

test.run();
