/** A benchmark that was broken off goes on where it stood, and only there. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cells } from '../../bench/spec-bench/cells.ts';
import { assert, suite } from '../harness.ts';

const test = suite<{ path: string }>();

test.before.each((context) => {
  context.path = join(mkdtempSync(join(tmpdir(), 'cells-')), 'deeper', 'cells.json');
});
test.after.each(({ path }) => rmSync(join(path, '../..'), { recursive: true, force: true }));

const CONDITIONS = { model: 'a', rounds: 3, out: undefined };

/** Measures five cells as a benchmark does, until it is broken off. @returns what was measured now */
function run(path: string, { conditions = CONDITIONS, resume = true, most = 5 } = {}): string[] {
  const cells = new Cells(path, conditions, resume);
  const measured: string[] = [];
  for (const name of ['a 1', 'b 1', 'a 2', 'b 2', 'toString']) {
    if (cells.result(name)) continue;
    if (measured.length === most) break;
    cells.add(name, [name.length, 0.1]);
    measured.push(name);
  }
  return measured;
}

test('what is finished is not measured again, whenever the run was broken off', ({ path }) => {
  for (let most = 0; most <= 5; most++) {
    rmSync(path, { force: true });
    const before = run(path, { most });
    const after = run(path);
    assert.equal([...before, ...after], ['a 1', 'b 1', 'a 2', 'b 2', 'toString'], `broken off after ${most}`);
    assert.equal(new Cells(path, CONDITIONS, true).result('b 2'), [3, 0.1]);
  }
});

test('without being asked to go on a run begins anew, and leaves the file until its first cell is finished', ({
  path,
}) => {
  run(path);
  const before = readFileSync(path, 'utf8');
  const cells = new Cells(path, CONDITIONS, false);
  assert.equal(cells.finished, []);
  assert.is(readFileSync(path, 'utf8'), before);
  cells.add('a 1', []);
  assert.equal(new Cells(path, CONDITIONS, true).finished, ['a 1']);
});

test('cells of a run under other conditions are refused, and named', ({ path }) => {
  run(path);
  for (const conditions of [{ ...CONDITIONS, rounds: 4 }, { model: 'a' }, { ...CONDITIONS, kernels: 'x' }]) {
    assert.throws(() => run(path, { conditions: conditions as typeof CONDITIONS }), /rounds|kernels/);
  }
});

test('what is measured once is measured once, also by a run that goes on', async ({ path }) => {
  let measured = 0;
  const measure = async () => [++measured];
  const cells = new Cells(path, CONDITIONS, false);
  assert.equal(await cells.once('fastest', measure), [1]);
  assert.equal(await cells.once('fastest', measure), [1]);
  assert.equal(await new Cells(path, CONDITIONS, true).once('fastest', measure), [1]);
  assert.equal(await new Cells(path, CONDITIONS, false).once('fastest', measure), [2]);
});

test('a run that dies while it writes loses no cell', ({ path }) => {
  run(path, { most: 2 });
  writeFileSync(`${path}.part`, '{"conditions": {"mod');
  assert.equal(run(path), ['a 2', 'b 2', 'toString']);
  assert.not.ok(existsSync(`${path}.part`));
});

test.run();
