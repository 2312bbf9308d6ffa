/** Reference drafting: the cursor goes along a prediction, and comes back to it after every kind of change. */
import { Reference } from '../../src/draft/reference.ts';
import { checkTree } from '../../src/tree/check-tree.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { stepOf } from './steps.ts';

const codes = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));

const SOURCE = 'function(a,b){//adds two numbers up\nlet tot=a+b;return tot;}//done\n';

function referenceTo(text: string | readonly number[]): Reference {
  const reference = new Reference(typeof text === 'string' ? codes(text) : text, 2000);
  reference.begin(Int32Array.of(1, 2, 3));
  return reference;
}

/** How many letters of an output come first in a draft, letter by letter; and how many of the drafted first letters did not come. */
function guessed(reference: Reference, output: readonly number[]): { right: number; wrong: number } {
  let [right, wrong] = [0, 0];
  for (const token of output) {
    const { tokens } = reference.propose(2);
    if (tokens.length > 1) tokens[1] === token ? right++ : wrong++;
    reference.observe(stepOf(0, [token]));
  }
  return { right, wrong };
}

test('an unchanged output is drafted from its first token to its last, and nothing after it', () => {
  const reference = referenceTo(SOURCE);
  const tree = reference.propose(200);
  assert.ok(tree.tokens.length > 40 && SOURCE.startsWith(String.fromCharCode(...tree.tokens.subarray(1))));
  assert.is(tree.tokens[0], 3);
  assert.equal(guessed(reference, codes(SOURCE)), { right: SOURCE.length, wrong: 0 });
  assert.is(reference.propose(9).tokens.length, 1);
  assert.is(reference.outlook(), undefined);
});

const CHANGES: Record<string, [from: string, to: string, lost: number]> = {
  'a changed word': ['two numbers', 'three numbers', 7],
  'an insertion': ['let tot', 'let me see; let tot', 15],
  'a deletion': ['//adds two numbers up\n', '', 4],
  'a long insertion': ['let tot', `${'0123456789'.repeat(8)}let tot`, 86],
  'a renamed variable, which comes back': ['tot', 'sum', 6],
};
for (const [name, [from, to, lost]] of Object.entries(CHANGES)) {
  test(`${name}: the cursor is back within a few tokens`, () => {
    const output = codes(SOURCE.replaceAll(from, to));
    const { right } = guessed(referenceTo(SOURCE), output);
    assert.ok(right >= output.length - lost, `${right} of ${output.length}`);
  });
}

test('a cursor that never comes back is seen: without the rest of the reference the same measure fails', () => {
  const output = codes(SOURCE.replaceAll('two numbers', 'three numbers'));
  const { right } = guessed(referenceTo(SOURCE.slice(0, SOURCE.indexOf('two'))), output);
  assert.ok(right < output.length - 7, `${right} of ${output.length}`);
});

test('parts that change places are followed', () => {
  const [first, second] = ['const alpha = compute(1, 2);\n', 'let omega = other(9);\n'];
  const output = codes(second + first);
  const { right } = guessed(referenceTo(first + second), output);
  assert.ok(right >= output.length - 12, `${right} of ${output.length}`);
});

test('random edits of random text: nine of ten kept tokens are guessed (seed 1)', () => {
  const next = random(1);
  let [kept, right] = [0, 0];
  for (let round = 0; round < 20; round++) {
    const source = Array.from({ length: 300 }, () => randomInt(next, 200));
    const output: number[] = [];
    for (let at = 0; at < source.length; ) {
      const kind = randomInt(next, 60);
      if (kind === 0) output.push(...Array.from({ length: 1 + randomInt(next, 6) }, () => randomInt(next, 200)));
      else if (kind === 1) at += 1 + randomInt(next, 6);
      else {
        output.push(source[at++]!);
        kept++;
      }
    }
    right += guessed(referenceTo(source), output).right;
  }
  assert.ok(right > 0.9 * kept, `${right} of ${kept}`);
});

test('an empty reference, and one of a single token, propose what they have', () => {
  assert.is(referenceTo('').propose(9).tokens.length, 1);
  assert.is(referenceTo('').outlook(), undefined);
  assert.equal([...referenceTo('x').propose(9).tokens], [3, 120]);
});

test('proposals are valid trees within the budget, and never hold the mark after the reference (seed 2)', () => {
  const next = random(2);
  for (let round = 0; round < 30; round++) {
    const vocab = 2 + randomInt(next, 4);
    const draw = (length: number) => Array.from({ length }, () => randomInt(next, vocab));
    const reference = new Reference(draw(randomInt(next, 40)), 300);
    let root = randomInt(next, vocab);
    reference.begin(Int32Array.of(root));
    for (let step = 0; step < 40; step++) {
      const nodes = 1 + randomInt(next, 24);
      checkTree(reference.propose(nodes), { vocab, nodes, root, sources: 1 });
      const outlook = reference.outlook();
      assert.ok(outlook === undefined || outlook.token >= 0);
      const emitted = draw(1 + randomInt(next, 4));
      reference.observe(stepOf(root, emitted));
      root = emitted.at(-1)!;
    }
  }
});

test('a new generation begins at the start of the reference', () => {
  const reference = referenceTo('abcdef');
  guessed(reference, codes('abc'));
  reference.begin(Int32Array.of(9));
  assert.equal([...reference.propose(3).tokens], [9, 97, 98]);
});

test.run();
