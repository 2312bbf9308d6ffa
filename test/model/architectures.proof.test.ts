/**
 * P1 over all architectures: a tree pass has the bits of plain decoding on each of their checkpoints, on one thread and on two; and the table
 * of docs/architectures.md is what this run gives.
 *
 * WRITE_TABLE=1 in the environment writes the table instead of comparing it.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { MODEL_TYPES } from '../../src/model/architectures/families.ts';
import { assert, repositoryFile, test } from '../harness.ts';
import { compareWithReference, nodesChangedBy, verifyTrees, WINDOW } from './architecture-checks.ts';
import { architectureModel, CHECKPOINTS, checkpointsOf } from './architecture-models.ts';

/** Nodes verified by the name of the checkpoint, both numbers of threads together. */
const verifiedNodes = new Map<string, number>();

for (const name of CHECKPOINTS) {
  test(`${name}: every node of every tree has the bits of plain decoding, on one thread and on two (seed 6)`, async () => {
    for (const threads of [1, 2]) {
      const { nodes, differing } = await verifyTrees(name, threads);
      assert.equal(differing, [], `${threads} threads`);
      verifiedNodes.set(name, (verifiedNodes.get(name) ?? 0) + nodes);
    }
  });
}

async function windowsOf(name: string): Promise<number[]> {
  const { config } = await architectureModel(name);
  return config.form?.layers?.map(({ window }) => window) ?? [];
}

/** What the tree pass does to windows, and which nodes of a chain of 8 behind 30 tokens then differ, given the smallest window. */
const FAULTS: Record<string, { change: (op: Int32Array) => void; seen: (window: number) => number[] }> = {
  'one position more': { change: (op) => (op[WINDOW]! += 1), seen: (window) => nodesFrom(window - 30) },
  'left out': { change: (op) => (op[WINDOW] = 0), seen: (window) => nodesFrom(window - 30) },
};

/** Nodes first..7 of a chain of 8. */
const nodesFrom = (first: number) => Array.from({ length: 8 }, (_, node) => node).filter((node) => node >= first);

for (const [fault, { change, seen }] of Object.entries(FAULTS)) {
  test(`a window with ${fault} in a tree pass is seen in every node that the window keeps from a position (planted fault, seed 7)`, async () => {
    let windowed = 0;
    for (const name of CHECKPOINTS) {
      const windows = (await windowsOf(name)).filter((window) => window > 0);
      if (windows.length === 0) continue;
      windowed++;
      const changed = await nodesChangedBy(name, (op) => {
        if (op[WINDOW]! > 0) change(op);
      });
      assert.equal(changed, seen(Math.min(...windows)), `${name}, windows ${windows}`);
    }
    assert.ok(windowed >= 10, `${windowed} checkpoints have windows`);
  });
}

const DOCUMENT = 'docs/architectures.md';
const [BEGIN, END] = ['<!-- table: begin -->', '<!-- table: end -->'];

async function table(): Promise<string> {
  const rows: string[] = [];
  for (const type of MODEL_TYPES) {
    const names = checkpointsOf(type);
    const results = [];
    for (const name of names)
      results.push({ name, nodes: verifiedNodes.get(name)!, ...(await compareWithReference(name)) });
    const most = (values: number[]) => Math.max(...values).toExponential(1);
    const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
    rows.push(
      [
        '',
        `\`${type}\``,
        names.map((name) => name.slice(type.length + 1)).join(', '),
        most(results.map(({ largest }) => largest)),
        most(results.map(({ stream }) => stream)),
        `${sum(results.map(({ greedy }) => greedy))} of ${64 * names.length}`,
        String(sum(results.map(({ nodes }) => nodes))),
        '',
      ]
        .join(' | ')
        .trim(),
    );
  }
  return [
    '| `model_type` | checkpoints | logits | streams | greedy tokens | nodes with the bits of plain decoding |',
    '|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

test(`the table of ${DOCUMENT} is what this run gives`, async () => {
  const text = readFileSync(repositoryFile(DOCUMENT), 'utf8');
  const [begin, end] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  const got = `\n${await table()}\n`;
  if (process.env.WRITE_TABLE) writeFileSync(repositoryFile(DOCUMENT), text.slice(0, begin) + got + text.slice(end));
  else assert.is(text.slice(begin, end), got);
});

test.run();
