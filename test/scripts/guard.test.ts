/**
 * The guard behind `npm test`, shown test files that uvu alone would call a success.
 * @module
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { assert, repositoryFile, test } from '../harness.ts';

interface Verdict {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

const { runTestFile } = await import(pathToFileURL(repositoryFile('scripts/lib/guard.mjs')).href);
const harness = pathToFileURL(repositoryFile('build/test/harness.js')).href;

/** The guard's verdict on a file with this body. */
async function judge(body: string, rules = {}): Promise<Verdict> {
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-guard-'));
  try {
    const script = join(folder, 'planted.mjs');
    writeFileSync(script, `import { assert, note, suite, test } from '${harness}';\n${body}`);
    return await runTestFile(script, { timeoutMs: 10_000, maySkip: () => false, ...rules });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Files that must fail, and a word of the reason. */
const planted: readonly [fault: string, body: string, reason: RegExp][] = [
  ['never calls run()', `test('a', () => {});`, /printed no totals/],
  ['has no test', `test.run();`, /ran no test/],
  [
    'forgets run() of its second suite',
    `test('a', () => {}); test.run(); suite('b')('c', () => {});`,
    /registered 2 tests, ran 1/,
  ],
  [
    'throws in a before hook',
    `test.before(() => { throw new Error('hook'); }); test('a', () => {}); test.run();`,
    /^$/,
  ],
  [
    'throws in an after hook',
    `test.after(() => { throw new Error('hook'); }); test('a', () => {}); test.run();`,
    /printed no totals/,
  ],
  ['throws before its first test', `throw new Error('early');`, /printed no totals/],
  [
    'rejects a promise that nobody awaits',
    `test('a', () => { Promise.reject(new Error('lost')); }); test.run();`,
    /exit code|no totals/,
  ],
  ['exits inside a test', `test('a', () => process.exit(0)); test.run();`, /printed no totals/],
  ['awaits what never comes', `test('a', () => new Promise(() => {})); test.run();`, /printed no totals/],
  ['marks a test as the only one', `test('a', () => {}); test.only('b', () => {}); test.run();`, /only one: b/],
  [
    'skips what is not on the list',
    `test('a', () => {}); test.skip('b', () => {}); test.run();`,
    /may not be skipped: b/,
  ],
  ['fails a test', `test('a', () => assert.is(1, 2)); test('b', () => {}); test.run();`, /^$/],
];

for (const [fault, body, reason] of planted) {
  test(`the guard fails a file that ${fault}`, async () => {
    const { failed, problems } = await judge(body);
    assert.is(failed, 1);
    assert.match(problems.join('\n'), reason);
  });
}

test('the guard ends a file that runs too long, and fails it', async () => {
  const { failed, problems } = await judge(`test('a', () => { for (;;); }); test.run();`, { timeoutMs: 1000 });
  assert.is(failed, 1);
  assert.match(problems.join('\n'), /ran longer than 1 s/);
});

test('the guard believes a file whose tests all pass, counts allowed skips and passes notes on', async () => {
  const body = `test('a', () => note('11 bytes')); test('b', () => {}); test.skip('c', () => {}); test.run();`;
  const verdict = await judge(body, { maySkip: (title: string) => title === 'c' });
  assert.is(verdict.passed, 2);
  assert.is(verdict.failed, 0);
  assert.is(verdict.skipped, 1);
  assert.equal(verdict.notes, ['11 bytes']);
});

test('each allowed skip names a test file that exists, a title and a reason', () => {
  const list: Record<string, string>[] = JSON.parse(readFileSync(repositoryFile('test/allowed-skips.json'), 'utf8'));
  const incomplete = list.filter(
    ({ file, title, reason }) => !(file && existsSync(repositoryFile(file)) && title && reason),
  );
  assert.equal(incomplete, []);
});

test.run();
