/** Prompt lookup: what it proposes, in what order, and how sure it is. */
import { Lookup } from '../../src/draft/lookup.ts';
import { jointScores } from '../../src/tree/prune.ts';
import { checkTree } from '../../src/tree/check-tree.ts';
import { childWith, depths, type DraftTree } from '../../src/tree/draft-tree.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { stepOf } from './steps.ts';

const codes = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));

/** The most likely child of each node from the root down, as text. */
function bestChain(tree: DraftTree): string {
  let text = '';
  for (let node = 0; ; ) {
    const children = [...tree.parents.keys()].filter((child) => tree.parents[child] === node);
    if (children.length === 0) return text;
    node = children.reduce((best, child) => (tree.scores![child]! > tree.scores![best]! ? child : best));
    text += String.fromCharCode(tree.tokens[node]!);
  }
}

function lookupAfter(prompt: string, output = ''): Lookup {
  const lookup = new Lookup(600);
  lookup.begin(Int32Array.from(codes(prompt)));
  if (output) lookup.observe(stepOf(codes(prompt).at(-1)!, codes(output)));
  return lookup;
}

test('the continuation of the longest earlier occurrence comes first, of equal ones the newest', () => {
  assert.is(bestChain(lookupAfter('xab1..cab2..xab').propose(2)), '1');
  assert.is(bestChain(lookupAfter('ab1..ab2..ab').propose(2)), '2');
});

test('several continuations stand beside each other in one tree', () => {
  const tree = lookupAfter('ab1..ab2..ab3..ab').propose(16);
  for (const letter of '123') assert.ok(childWith(tree, 0, letter.charCodeAt(0)) > 0, letter);
});

test('a text of period 3 is proposed on and on: every step takes as many tokens as the budget has', () => {
  const text = codes('abc'.repeat(60));
  for (const budget of [2, 5, 16, 40]) {
    const lookup = new Lookup(600);
    lookup.begin(Int32Array.from(text.slice(0, 12)));
    for (let at = 12; at + budget < text.length; at += budget) {
      const tree = lookup.propose(budget);
      const right = text.slice(at, at + budget - 1);
      assert.equal(codes(bestChain(tree)), right, `budget ${budget} at ${at}`);
      lookup.observe(stepOf(text[at - 1]!, text.slice(at, at + budget)));
    }
  }
});

test('a long copy is proposed as one chain up to the budget', () => {
  const source = Array.from({ length: 90 }, (_, i) => 1000 + i);
  const lookup = new Lookup(600);
  lookup.begin(Int32Array.from([...source, 1, ...source.slice(0, 20)]));
  const tree = lookup.propose(64);
  assert.is(tree.tokens.length, 64);
  assert.is(depths(tree).at(-1), 63);
  assert.equal([...tree.tokens.subarray(1)], source.slice(20, 83));
});

test('nothing is proposed where nothing has occurred before', () => {
  assert.is(lookupAfter('abcdef').propose(16).tokens.length, 1);
  assert.is(lookupAfter('a').propose(16).tokens.length, 1);
});

test('surer with longer matches, with more occurrences that agree, and less where they disagree', () => {
  const score = (prompt: string) => lookupAfter(prompt).propose(2).scores![1]!;
  assert.ok(score('..b1..ab') < score('.ab1..ab'));
  assert.ok(score('.ab1..ab') < score('12345ab1..2345ab'));
  assert.ok(score('.ab1..ab') < score('.ab1..ab1.,ab1!.ab'));
  assert.ok(score('.ab2..ab1.,ab3!.ab') < score('.ab1..ab'));
});

test('after a replaced word in a copy the next step proposes the source again, and the replacement where the word comes back', () => {
  const source = 'function(a,b){//adds two numbers up\nlet tot=a+b;return tot;}//done';
  const start = 'function(a,b){//adds two numbers up\nlet ';
  const lookup = lookupAfter(`${source}|`, start);
  assert.is(bestChain(lookup.propose(40)).slice(0, 26), 'tot=a+b;return tot;}//done');
  lookup.observe(stepOf(start.charCodeAt(start.length - 1), codes('sum=')));
  assert.is(bestChain(lookup.propose(40)).slice(0, 4), 'a+b;');
  lookup.observe(stepOf(61, codes('a')));
  assert.is(bestChain(lookup.propose(40)).slice(0, 21), '+b;return sum;}//done');
});

test('proposals are valid trees within the budget, with scores of siblings that sum to at most 1 (seed 1)', () => {
  const next = random(1);
  for (let round = 0; round < 40; round++) {
    const vocab = 2 + randomInt(next, 6);
    const lookup = new Lookup(600);
    const text = Array.from({ length: 2 + randomInt(next, 60) }, () => randomInt(next, vocab));
    lookup.begin(Int32Array.from(text));
    for (let step = 0; step < 20; step++) {
      const nodes = 1 + randomInt(next, 40);
      const tree = lookup.propose(nodes);
      checkTree(tree, { vocab, nodes, root: text.at(-1)!, sources: 1 });
      const sums = new Float64Array(tree.tokens.length);
      for (let node = 1; node < tree.tokens.length; node++) sums[tree.parents[node]!]! += tree.scores![node]!;
      assert.ok(sums.every((sum) => sum <= 1 + 1e-6));
      const joint = jointScores(tree, tree.scores!);
      assert.ok(joint.every((value) => value > 0.019));
      const emitted = Array.from({ length: 1 + randomInt(next, 4) }, () => randomInt(next, vocab));
      lookup.observe(stepOf(text.at(-1)!, emitted));
      text.push(...emitted);
    }
  }
});

test('the outlook is the next token of the newest occurrence of the last two, surer the longer it agrees', () => {
  assert.is(lookupAfter('ab1..xy').outlook(), undefined);
  const outlooks = ['ab1,.ab2;:ab', '(ab1)(ab'].map((text) => lookupAfter(text).outlook()!);
  assert.equal(
    outlooks.map(({ token }) => String.fromCharCode(token)),
    ['2', '1'],
  );
  assert.ok(outlooks[0]!.score < outlooks[1]!.score);
});

test('an outlook that is followed token by token is that of a text read at once (seed 2)', () => {
  const next = random(2);
  for (let round = 0; round < 30; round++) {
    const text = Array.from({ length: 40 }, () => 'abc'.charAt(randomInt(next, 3))).join('');
    const followed = lookupAfter(text.slice(0, 10));
    for (let length = 11; length <= text.length; length++) {
      followed.observe(stepOf(0, codes(text[length - 1]!)));
      const outlook = followed.outlook();
      if (!outlook) assert.is(lookupAfter(text.slice(0, length)).outlook(), undefined);
      else assert.ok(text.slice(0, length - 1).includes(text.slice(length - 2, length)));
    }
  }
});

test('the outlook on a copy is what the tree begins with, through a replacement and back', () => {
  const source = 'const total = count + 1; return total * 2 + total;';
  const lookup = lookupAfter(`${source}|`);
  lookup.observe(stepOf(0, codes('const ')));
  let right = 0;
  for (const letter of 'sum = count + 1; return sum * 2 + sum;') {
    const tree = lookup.propose(4);
    const outlook = lookup.outlook();
    if (outlook && tree.tokens[1] === outlook.token) right++;
    lookup.observe(stepOf(0, codes(letter)));
  }
  assert.ok(right >= 30, `${right} of 38`);
});

test('a new generation starts from its own prompt alone', () => {
  const lookup = lookupAfter('abcabc');
  assert.is(bestChain(lookup.propose(4)), 'abc');
  lookup.begin(Int32Array.from(codes('xyzabc')));
  assert.is(lookup.propose(4).tokens.length, 1);
});

test.run();
