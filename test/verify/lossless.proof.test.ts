/** Every lossless rule emits the target's law, exactly: over all small trees, every draft that can be drawn, every choice of the rule. */
import { LogitsProcessor } from '../../src/decode/sampling.ts';
import { restrict, type SharedTokens } from '../../src/draft/shared-tokens.ts';
import type { Chooser } from '../../src/verify/chooser.ts';
import { kSeq, tryKSeq } from '../../src/verify/k-seq.ts';
import {
  greedyMultiDraft,
  speculativeSampling,
  tryIndependent,
  tryLenient,
  tryWithoutReplacement,
  withoutReplacement,
} from '../../src/verify/recursive-rejection.ts';
import { normalise, TargetWeights, type Trial, trialVerifier } from '../../src/verify/rule.ts';
import { assert, note, test } from '../harness.ts';
import {
  byRule,
  byTwo,
  distance,
  distinct,
  emittedLaw,
  independent,
  independentAndByRule,
  logitsOf,
  mixed,
  type Pair,
  parentArrays,
  randomPair,
  type Siblings,
  topAndOne,
  VOCAB,
} from './laws.ts';

const NEUTRAL = { temperature: 1, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1 };
const TREES = parentArrays(6);
const target = new TargetWeights(VOCAB, NEUTRAL);

/** A verifier whose choices are followed. */
const followed = (trial: Trial) => (chooser: Chooser) =>
  trialVerifier({ name: 'test', guarantee: 'sameDistribution' }, trial, target, () => chooser);

/** Largest distance over all trees; the pair is another one for each tree. */
function farthest(trees: readonly number[][], siblings: Siblings, trial: Trial, seed: number): number {
  let largest = 0;
  trees.forEach((parents, i) => {
    const pair: Pair = randomPair(1000 * seed + i);
    largest = Math.max(largest, distance(emittedLaw(parents, pair, siblings, followed(trial)), pair.target));
  });
  return largest;
}

/** Draws of two drafters with the same numbers: the second has what the first has. */
const sameNumbers: Siblings = (draftProb, children, chooser) => {
  const half = Math.ceil(children.length / 2);
  const { tokens, draw } = independent(draftProb, children.slice(0, half), chooser);
  const others = children.slice(half);
  return {
    tokens: [...tokens, ...tokens.slice(0, others.length)],
    draws: draw ? [draw, { draftProb, children: Int32Array.from(others) }] : [],
  };
};

const RULES: readonly (readonly [name: string, trial: Trial, drafts: Readonly<Record<string, Siblings>>])[] = [
  [
    speculativeSampling.name,
    tryIndependent,
    {
      independent,
      'by rule': byRule,
      'of both kinds': independentAndByRule,
    },
  ],
  [
    kSeq.name,
    tryKSeq,
    {
      independent,
      'by rule': byRule,
      'of both kinds': independentAndByRule,
    },
  ],
  [
    withoutReplacement.name,
    tryWithoutReplacement,
    {
      'without replacement': distinct,
      independent,
      'of both kinds': mixed,
    },
  ],
  [greedyMultiDraft.name, tryIndependent, { 'top and one': topAndOne, 'by rule': byRule }],
];

test('there are 154 trees of up to 6 nodes', () => assert.is(TREES.length, 154));

for (const [name, trial, drafts] of RULES) {
  for (const [kind, siblings] of Object.entries(drafts)) {
    test(`${name} emits the target's law over all 154 trees of drafts ${kind} (seed 1)`, () => {
      const largest = farthest(TREES, siblings, trial, 1);
      note(`${name}, ${kind}: farthest ${largest.toExponential(1)}`);
      assert.ok(largest < 1e-12, `${largest}`);
    });
  }
}

/** Two who draw below one node, each from a distribution of its own: more outcomes, so fewer trees. */
const TWO: readonly (readonly [name: string, trial: Trial, siblings: Siblings])[] = [
  [speculativeSampling.name, tryIndependent, byTwo(independent, independent)],
  [kSeq.name, tryKSeq, byTwo(independent, independent)],
  [withoutReplacement.name, tryWithoutReplacement, byTwo(distinct, independent)],
  [greedyMultiDraft.name, tryIndependent, byTwo(topAndOne, topAndOne)],
];
for (const [name, trial, siblings] of TWO) {
  test(`${name} emits the target's law over all 34 trees of up to 5 nodes that two drafters have drawn (seed 2)`, () => {
    const largest = farthest(parentArrays(5), siblings, trial, 2);
    assert.ok(largest < 1e-12, `${largest}`);
  });
}

/** A draft model of six tokens, of which the target has three: 0, which is there twice, 2 and 3. Its others spell what the target spells in several tokens. */
const SHARED: SharedTokens = {
  toTarget: Int32Array.of(2, -1, 0, 0, -1, 3),
  toDraft: Int32Array.of(3, -1, 0, 5),
  count: 3,
  sameIds: false,
};
/** What that draft model says, made of a distribution over four tokens. */
const ofSix = (prob: Float64Array) =>
  Float64Array.of(prob[0]!, prob[1]! / 2, prob[2]! / 2, prob[3]! / 4, prob[1]! / 2 + prob[2]! / 2, (3 * prob[3]!) / 4);

/** Drafts of that model: drawn from shared tokens; none where it says others alone. */
const ofShared =
  (siblings: Siblings): Siblings =>
  (draftProb, children, chooser) => {
    const shared = new Float64Array(VOCAB);
    if (!restrict(ofSix(draftProb), SHARED, shared)) return { tokens: [], draw: undefined };
    return siblings(shared, children, chooser);
  };

for (const [name, trial, drafts] of RULES) {
  for (const [kind, siblings] of Object.entries(drafts)) {
    test(`${name} emits the target's law where drafts ${kind} come from a draft model of another vocabulary (seed 2)`, () => {
      const largest = farthest(parentArrays(5), ofShared(siblings), trial, 2);
      assert.ok(largest < 1e-12, `${largest}`);
    });
  }
}

test('temperature, cuts and penalty apply to the target as in plain decoding, by the history of each node (seed 7)', () => {
  const settings = { temperature: 0.7, topK: 3, topP: 0.9, minP: 0.05, repetitionPenalty: 1.3 };
  const processed = new TargetWeights(VOCAB, settings);
  const plain = new LogitsProcessor(VOCAB, settings);
  for (const [name, trial, drafts] of RULES) {
    const [siblings] = Object.values(drafts) as [Siblings];
    const verifierOf = (chooser: Chooser) =>
      trialVerifier({ name, guarantee: 'sameDistribution' }, trial, processed, () => chooser);
    parentArrays(4).forEach((parents, i) => {
      const pair = randomPair(7000 + i);
      const law = emittedLaw(parents, pair, siblings, verifierOf);
      const expectedAt = (path: readonly number[]) => {
        const weights = plain.process(logitsOf(pair.target(path)), [0, ...path]).slice();
        normalise(weights);
        return weights;
      };
      assert.ok(distance(law, pair.target, expectedAt) < 1e-12, `${name}, ${parents}`);
    });
  }
});

/** What is wrong, and the trees in which it shows. */
const FAULTS: Readonly<Record<string, readonly [trial: Trial, siblings: Siblings]>> = {
  'the residual is not clamped': [
    (p, { draftProb, children }, tokens, chooser) => {
      for (const child of children) {
        if (chooser.accept(Math.max(0, Math.min(1, p[tokens[child]!]! / draftProb[tokens[child]!]!)))) return child;
        for (let id = 0; id < p.length; id++) p[id] = Math.abs(p[id]! - draftProb[id]!);
      }
      return -1;
    },
    independent,
  ],
  'the residual is not renormalised before the next child': [
    (p, { draftProb, children }, tokens, chooser) => {
      for (const child of children) {
        if (chooser.accept(Math.min(1, p[tokens[child]!]! / draftProb[tokens[child]!]!))) return child;
        for (let id = 0; id < p.length; id++) p[id] = Math.max(0, p[id]! - draftProb[id]!);
        if (p.every((value) => value === 0)) return child;
      }
      return -1;
    },
    independent,
  ],
  'only the rejected token is taken off': [
    (p, { draftProb, children }, tokens, chooser) => {
      for (const child of children) {
        const token = tokens[child]!;
        if (chooser.accept(Math.min(1, p[token]! / draftProb[token]!))) return child;
        p[token] = 0;
        const sum = p.reduce((a, b) => a + b, 0);
        if (sum === 0) return child;
        for (let id = 0; id < p.length; id++) p[id]! /= sum;
      }
      return -1;
    },
    distinct,
  ],
  'draws without replacement are scored as with': [tryIndependent, distinct],
  'k-seq judges draws without replacement': [tryKSeq, distinct],
  'the draws are tried in the order of their tokens': [
    (p, { draftProb, children }, tokens, chooser) =>
      tryWithoutReplacement(
        p,
        { draftProb, children: children.slice().sort((a, b) => tokens[a]! - tokens[b]!) },
        tokens,
        chooser,
      ),
    distinct,
  ],
  'the first draft is not verified': [(_p, { children }) => children[0]!, independent],
  'a token is drawn from the target after a rejection': [
    (p, draw, tokens, chooser) => tryIndependent(p.slice(), draw, tokens, chooser),
    independent,
  ],
  'the most likely tokens are scored as if they were drawn': [
    tryIndependent,
    (draftProb, children, chooser) => {
      const tokens = byRule(draftProb, children, chooser).tokens.filter((token) => draftProb[token]! > 0);
      return { tokens, draw: { draftProb, children: Int32Array.from(children.slice(0, tokens.length)) } };
    },
  ],
  'equal siblings are counted twice': [
    (p, { draftProb, children }, tokens, chooser) =>
      tryIndependent(p, { draftProb, children: Int32Array.of(...children, ...children) }, tokens, chooser),
    independent,
  ],
  'equal siblings are counted once: k-seq judges each token once': [
    (p, { draftProb, children }, tokens, chooser) => {
      const once = children.filter((child, i) => children.findIndex((other) => tokens[other] === tokens[child]) === i);
      return tryKSeq(p, { draftProb, children: once }, tokens, chooser);
    },
    independent,
  ],
  'temperature on one side only: drafts are drawn from a sharper q than is told': [
    tryIndependent,
    (draftProb, children, chooser) => {
      const { draw } = independent(draftProb, children, chooser);
      const sharper = draftProb.map((prob) => prob ** 2);
      return { tokens: children.map(() => chooser.draw(sharper)), draw };
    },
  ],
  'rho of k-seq is taken from the lower side': [
    (p, { draftProb, children }, tokens, chooser) => {
      const rho = 1;
      for (const child of children) {
        if (chooser.accept(Math.min(1, p[tokens[child]!]! / (rho * draftProb[tokens[child]!]!)))) return child;
      }
      const beta = p.reduce((sum, prob, id) => sum + Math.min(prob, draftProb[id]!), 0);
      const accepted = 1 - (1 - beta) ** children.length;
      for (let id = 0; id < p.length; id++) {
        p[id] = Math.max(0, p[id]! - Math.min(p[id]!, draftProb[id]!) * (beta > 0 ? accepted / beta : 0));
      }
      return p.some((value) => value > 0) ? -1 : children[0]!;
    },
    independent,
  ],
  'two drafters draw with the same numbers': [tryIndependent, sameNumbers],
  'drafts of another vocabulary: q is told as it was before tokens that are not shared were left out': [
    tryIndependent,
    (draftProb, children, chooser) => {
      const { tokens, draw } = ofShared(independent)(draftProb, children, chooser);
      const wide = ofSix(draftProb);
      const told = Float64Array.of(wide[2]! + wide[3]!, wide[1]! + wide[4]!, wide[0]!, wide[5]!);
      return { tokens, draw: draw && { ...draw, draftProb: told } };
    },
  ],
  'drafts of another vocabulary: of two tokens that spell the same q has one': [
    tryIndependent,
    (draftProb, children, chooser) => {
      const { tokens, draw } = ofShared(independent)(draftProb, children, chooser);
      const told = new Float64Array(VOCAB);
      const once = { ...SHARED, toTarget: Int32Array.of(2, -1, -1, 0, -1, 3) };
      if (!restrict(ofSix(draftProb), once, told)) return { tokens: [], draw: undefined };
      // A token that q does not have cannot be told at all.
      return tokens.some((token) => told[token] === 0)
        ? { tokens: [], draw: undefined }
        : { tokens, draw: draw && { ...draw, draftProb: told } };
    },
  ],
  'drafts of another vocabulary: a token that is not shared is drawn again without a word': [
    tryIndependent,
    (draftProb, children, chooser) => {
      const { draw } = ofShared(independent)(draftProb, children, chooser);
      const ids = children.map(() => SHARED.toTarget[chooser.draw(ofSix(draftProb))]!);
      return draw
        ? { tokens: ids.map((id) => (id < 0 && draw.draftProb[0]! > 0 ? 0 : Math.max(id, 0))), draw }
        : { tokens: [], draw };
    },
  ],
  'lenience is no lossless rule': [(...trial) => tryLenient(0.7, ...trial), independent],
};

for (const [fault, [trial, siblings]] of Object.entries(FAULTS)) {
  test(`a planted fault is seen: ${fault} (seed 4)`, () => {
    const largest = farthest(parentArrays(4), siblings, trial, 4);
    assert.ok(largest > 1e-3, `${largest}`);
  });
}

test('a planted fault is seen: temperature on one side only, that of the target (seeds 5 to 9)', () => {
  const warm = new TargetWeights(VOCAB, { ...NEUTRAL, temperature: 1.5 });
  const verifierOf = (chooser: Chooser) =>
    trialVerifier({ name: 'test', guarantee: 'sameDistribution' }, tryIndependent, warm, () => chooser);
  const distances = [5, 6, 7, 8, 9].map((seed) => {
    const pair = randomPair(seed);
    return distance(emittedLaw([-1, 0, 0], pair, independent, verifierOf), pair.target);
  });
  assert.ok(Math.max(...distances) > 1e-3);
});

test('a planted fault is seen: the bonus comes from the wrong row (seed 6)', () => {
  const pair = randomPair(6);
  const verifierOf = (chooser: Chooser) => {
    const verifier = followed(tryIndependent)(chooser);
    let before: Float32Array | undefined;
    return {
      ...verifier,
      decide: (...[tree, node, rows, history]: Parameters<typeof verifier.decide>) => {
        const own = rows.logits(node);
        const isLeaf = !tree.parents.includes(node);
        const logits = isLeaf && before ? before : own;
        before = own;
        return verifier.decide(tree, node, { ...rows, logits: () => logits }, history);
      },
    };
  };
  assert.ok(distance(emittedLaw([-1, 0, 1], pair, independent, verifierOf), pair.target) > 1e-3);
});

test.run();
