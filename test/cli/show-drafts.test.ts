/** `generate --show-drafts`: what is shown of each pass, and that the output can be read back from it. */
import { colouredDrafts, type DraftView, listedDrafts, tokenTexts } from '../../src/cli/show-drafts.ts';
import { stepReport, type StepReport } from '../../src/decode/step-report.ts';
import type { DraftTree } from '../../src/tree/draft-tree.ts';
import { childWith } from '../../src/tree/draft-tree.ts';
import { assert, random, randomInt, test } from '../harness.ts';
import { fixturePath } from '../model/fixture-model.ts';
import { randomParents, withTokens } from '../model/trees.ts';
import { foretoken } from './command.ts';

const LETTERS = Array.from('abcdefghij');
const texts = () => tokenTexts(() => ({ push: (token) => LETTERS[token]!, flush: () => '' }));
const TIMING = { draftMs: 0, passMs: 0 };

/**
 *      0 a ┬ 1 b ┬ 3 c ── 5 d
 *          │     └ 4 e              the target says b, then f
 *          └ 2 g
 */
const TREE: DraftTree = {
  tokens: Int32Array.of(0, 1, 6, 2, 4, 3),
  parents: Int32Array.of(-1, 0, 0, 1, 1, 3),
  scores: Float32Array.of(1, 0.5, 0.25, 0.5, 0.25, 1),
  sources: Uint8Array.of(0, 0, 1, 1, 0, 1),
};
const STEP = stepReport({ tree: TREE, path: Int32Array.of(0, 1), emitted: Int32Array.of(1, 5) }, TIMING, [
  'lookup',
  'recycle',
]);

test('a step tells source, depth, rank and score of what was accepted and of what was rejected beside it', () => {
  assert.equal(STEP.accepted, [{ node: 1, token: 1, source: 'lookup', depth: 1, rank: 0, score: 0.5 }]);
  assert.equal(STEP.rejected, [
    { node: 2, token: 6, source: 'recycle', depth: 1, rank: 1, score: 0.25 },
    { node: 3, token: 2, source: 'recycle', depth: 2, rank: 0, score: 0.5 },
    { node: 4, token: 4, source: 'lookup', depth: 2, rank: 1, score: 0.25 },
  ]);
});

test('a draft at which a limit ends the output is neither accepted nor rejected', () => {
  const cut = stepReport({ tree: TREE, path: Int32Array.of(0, 1), emitted: Int32Array.of(1, 2) }, TIMING, ['x', 'y']);
  assert.equal(
    cut.rejected.map(({ node }) => node),
    [2, 4],
  );
});

test('colours: accepted drafts run on, the first rejected one stands struck out before the token that came', () => {
  assert.is(colouredDrafts(texts()).pass(STEP), '\x1b[32mb\x1b[0m\x1b[31;9mc\x1b[0m\x1b[36mf\x1b[0m');
});

test('without colours a pass is a line that names drafter, depth and rank', () => {
  const view = listedDrafts(texts());
  assert.is(
    view.pass(STEP),
    '1  5 drafted  +"b" lookup 1.0  ="f"  -"g" recycle 1.1  -"c" recycle 2.0  -"e" lookup 2.1\n',
  );
  const plain = stepReport(
    {
      tree: { tokens: Int32Array.of(5), parents: Int32Array.of(-1) },
      path: Int32Array.of(0),
      emitted: Int32Array.of(7),
    },
    TIMING,
    [],
  );
  assert.is(view.pass(plain), '2  0 drafted  ="h"\n');
});

test('struck text stays in its line; an unfinished character is shown with the token that completes it', () => {
  const texts = ['', '', 'a\n"b"\\', '', '', 'é'];
  const halves = tokenTexts(() => ({ push: (token) => texts[token]!, flush: () => '' }));
  assert.is(colouredDrafts(halves).pass(STEP), '\x1b[31;9ma\\n"b"\\\x1b[0m\x1b[36mé\x1b[0m');
});

/** Begins a span. */
const SGR = new RegExp(`${'\x1b'}\\[([\\d;]+)m`);

/** What was output, and how many tokens of it were drafted, as the colours say. */
function readBack(shown: string): { readonly text: string; readonly accepted: number } {
  const spans = shown.split('\x1b[0m').flatMap((span) => {
    const [, style, text] = span.split(SGR);
    return style === undefined ? [] : [{ style, text }];
  });
  return {
    text: spans.map(({ style, text }) => (style === '31;9' ? '' : text)).join(''),
    accepted: spans.filter(({ style }) => style === '32').length,
  };
}

/** Passes over random trees, each walked by a target that chooses at random. */
function randomSteps(seed: number): StepReport[] {
  const next = random(seed);
  return Array.from({ length: 20 }, () => {
    const tree = withTokens(randomParents(next, 1 + randomInt(next, 12)), next, LETTERS.length);
    const [path, emitted]: [number[], number[]] = [[], []];
    for (let node = 0; node >= 0; ) {
      const children = Array.from(tree.parents.keys()).filter((child) => tree.parents[child] === node);
      const token =
        children.length > 0 && next() < 0.7
          ? tree.tokens[children[randomInt(next, children.length)]!]!
          : randomInt(next, LETTERS.length);
      path.push(node);
      emitted.push(token);
      node = childWith(tree, node, token);
    }
    return stepReport({ tree, path: Int32Array.from(path), emitted: Int32Array.from(emitted) }, TIMING, ['x']);
  });
}

/** Whether the output can be read back from what a view shows. */
function isFaithful(view: DraftView, steps: readonly StepReport[]): boolean {
  const shown = steps.map((step) => view.pass(step)).join('') + view.end();
  const { text, accepted } = readBack(shown);
  const expected = steps.flatMap(({ emitted }) => Array.from(emitted, (token) => LETTERS[token]!)).join('');
  return text === expected && accepted === steps.reduce((sum, step) => sum + step.accepted.length, 0);
}

for (let seed = 1; seed <= 20; seed++) {
  test(`the output can be read back from what is shown (seed ${seed})`, () => {
    assert.ok(isFaithful(colouredDrafts(texts()), randomSteps(seed)));
  });
}

test('planted faults are seen: a rejected draft shown as accepted, an accepted one left out, tokens out of order', () => {
  const steps = randomSteps(1);
  const honest = colouredDrafts(texts());
  const faults: Readonly<Record<string, (step: StepReport) => StepReport>> = {
    swapped: (step) => ({ ...step, accepted: step.rejected, rejected: step.accepted }),
    'left out': (step) => ({ ...step, accepted: step.accepted.slice(1) }),
    'out of order': (step) => ({ ...step, accepted: [...step.accepted].reverse() }),
  };
  for (const [name, fault] of Object.entries(faults)) {
    assert.not(isFaithful({ ...honest, pass: (step) => honest.pass(fault(step)) }, steps), name);
  }
});

const MODEL = fixturePath('test-300k');
const GENERATE = ['generate', '--model', MODEL, '--prompt-ids', '1,2,3,4,1,2,3', '--max-tokens', '24'];
const DRAFTS = ['--draft', 'lookup,recycle'];

test('in a pipe each pass is a line, whose tokens are those of --json', async () => {
  const { code, stdout, stderr } = await foretoken([...GENERATE, ...DRAFTS, '--show-drafts']);
  assert.is(code, 0, stderr);
  assert.match(stderr, /^pass, tokens drafted, .*depth\.rank\n$/);
  const lines = stdout.trimEnd().split('\n');
  const { tokens, stats } = JSON.parse((await foretoken([...GENERATE, ...DRAFTS, '--json'])).stdout);
  const marks = lines.map((line) =>
    [...line.matchAll(/ {2}([+=-])"(\d+)"/g)].map(([, mark, token]) => ({ mark, token })),
  );
  assert.equal(
    marks.flat().flatMap(({ mark, token }) => (mark === '-' ? [] : [Number(token)])),
    tokens,
  );
  assert.is(lines.length, stats.passes);
  assert.is(marks.flat().filter(({ mark }) => mark === '+').length, stats.num_accepted_tokens);
  assert.ok(stats.num_accepted_tokens > 0 && marks.flat().some(({ mark }) => mark === '-'), 'both were shown');
});

test('colours are shown where FORCE_COLOR asks for them and NO_COLOR does not refuse them', async () => {
  const code = ['generate', 'export function add(a, b) {\n', '--max-tokens', '12'];
  const forced = await foretoken([...code, ...DRAFTS, '--show-drafts'], { env: { FORCE_COLOR: '1', NO_COLOR: '' } });
  const plain = await foretoken([...code, '--draft', 'none']);
  assert.is(readBack(forced.stdout).text, plain.stdout);
  assert.ok(readBack(forced.stdout).accepted > 0);
  const refused = await foretoken([...GENERATE, ...DRAFTS, '--show-drafts'], {
    env: { FORCE_COLOR: '1', NO_COLOR: '1' },
  });
  assert.not.match(refused.stdout + refused.stderr, '\x1b');
  assert.match(refused.stdout, /^1 {2}\d+ drafted/);
});

test('--show-drafts beside --json is bad usage', async () => {
  const { code, stderr } = await foretoken([...GENERATE, '--show-drafts', '--json']);
  assert.is(code, 2);
  assert.match(stderr, /^error\[usage\.option\]: --show-drafts: [^\n]+\n$/);
});

test.run();
