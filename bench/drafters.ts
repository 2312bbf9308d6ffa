/**
 * What do drafters that run no model cost?
 * Usage: node bench/drafters.ts [--model foretoken-code] [--histories 1000,10000,100000] [--store-mb 100] [--steps 200] [--nodes 16] [--shape 135m]
 *   [--out FILE]
 *
 * Microseconds of a proposal and of learning from a step, medians over steps along a made text, beside the time of a pass of a shape. The store
 * is of made text (shared/store-text.ts); its first searches read the file, later ones what is in memory.
 */
import { statSync } from 'node:fs';
import { BenchModel } from '../src/cli/bench-model.ts';
import type { CostPoint } from '../src/cli/cost-curve.ts';
import { median } from '../src/cli/statistics.ts';
import { bytesText, countText, figure } from '../src/cli/table.ts';
import type { Drafter } from '../src/draft/drafter.ts';
import { Aded, Automaton, Lookahead, Lookup, openStore, Recycle, Reference } from '../src/drafters.ts';
import type { TargetRows } from '../src/model/target.ts';
import { modelSource } from './shared/models.ts';
import { benchOptions, Report } from './shared/report.ts';
import { madeStore, madeTokens } from './shared/store-text.ts';

const options = benchOptions({
  model: 'foretoken-code',
  histories: '1000,10000,100000',
  'store-mb': '100',
  steps: '200',
  nodes: '16',
  shape: '135m',
});
/** Percent of a pass that a drafter that runs no model may take. */
const MOST_SHARE = 5;
const report = new Report('drafters', 'What do drafters that run no model cost?', 'benchmarks');
const model = await BenchModel.load(modelSource(options.model));
const { vocab } = model.session;
const encode = (text: string) => model.encode(text);

await reportSpeed();
report.close(options.out);

/** Rows that cost nothing to read: learning is timed without the kernels that it asks. */
function givenRows(): TargetRows {
  const logits = Float32Array.from({ length: vocab }, (_, id) => -id);
  const best = Int32Array.from({ length: 64 }, (_, id) => id);
  return { logits: () => logits, argmax: () => 0, topK: (_, k) => best.subarray(0, k) };
}

interface Costs {
  readonly beginMs: number;
  readonly proposeUs: number;
  readonly observeUs: number;
  /** The first twenty proposals: a store reads its file. */
  readonly firstUs: number;
}

/** Along a text, from a history on, one token a step. */
async function costsOf(drafter: Drafter, text: Int32Array, history: number, nodes: number): Promise<Costs> {
  const rows = givenRows();
  const tokens: number[] = [...text.subarray(0, history)];
  const proposing: number[] = [];
  const observing: number[] = [];
  const begins = performance.now();
  drafter.begin(text.slice(0, history), 0);
  const beginMs = performance.now() - begins;
  for (let at = history; at < text.length; at++) {
    const started = performance.now();
    const tree = await drafter.propose(nodes + 1);
    const proposed = performance.now();
    tokens.push(text[at]!);
    const emitted = Int32Array.of(text[at]!);
    const record = { tree, path: Int32Array.of(0), emitted, history: tokens, rows };
    const learns = performance.now();
    drafter.observe(record);
    observing.push(1000 * (performance.now() - learns));
    proposing.push(1000 * (proposed - started));
  }
  const first = proposing.slice(0, 20);
  return { beginMs, proposeUs: median(proposing), observeUs: median(observing), firstUs: median(first) };
}

async function reportSpeed(): Promise<void> {
  const [steps, nodes] = [Number(options.steps), Number(options.nodes)];
  const passMs = await plainPassMs();
  const storeName = `store of ${options['store-mb']} MB`;
  const storePath = builtStore();
  const store = await openStore(storePath);
  const rows: string[][] = [];
  const dear: string[] = [];
  for (const history of options.histories.split(',').map(Number)) {
    const text = madeTokens(encode, history + steps, 7);
    const drafters: Record<string, () => Drafter> = {
      lookup: () => new Lookup(text.length),
      recycle: () => new Recycle(vocab),
      automaton: () => new Automaton(text.length),
      aded: () => new Aded(),
      lookahead: () => new Lookahead(vocab),
      reference: () => new Reference(madeTokens(encode, history, 8), text.length),
      [storeName]: () => store.drafter(),
    };
    for (const [name, make] of Object.entries(drafters)) {
      const { beginMs, proposeUs, observeUs, firstUs } = await costsOf(make(), text, history, nodes);
      const share = (proposeUs + observeUs) / (10 * passMs);
      if (share > MOST_SHARE) dear.push(`${name} at ${history} (${figure(share)}%)`);
      const times = [beginMs, proposeUs, firstUs, observeUs].map(figure);
      rows.push([name, countText(history), ...times, `${figure(share)}%`]);
    }
  }
  report.table(
    `Microseconds of a step, medians of ${steps} of ${nodes} nodes; a pass of ${options.shape} over one token takes ${figure(passMs)} ms`,
    [['drafter', 'history', 'begin, ms', 'proposal', 'first 20', 'learning', 'of a pass'], ...rows],
  );
  report.note(
    `Proposing and learning of ${dear.length === 0 ? 'no drafter is' : `these drafters are`} above ${MOST_SHARE}% of a pass${dear.length === 0 ? '' : `: ${dear.join(', ')}`}.`,
  );
  report.table('Memory of a drafter, for the model and the longest history', [
    ['drafter', 'bytes'],
    ...Object.entries(memory()).map(([name, bytes]) => [name, bytesText(bytes)]),
    [`${storeName}, on disk`, bytesText(statSync(storePath).size)],
  ]);
}

/** Milliseconds of a pass of the shape over one token. */
async function plainPassMs(): Promise<number> {
  const shape = await BenchModel.load(modelSource(options.shape));
  const [{ ms }] = shape.costCurve({ prompt: Array.from({ length: 64 }, (_, i) => i), rounds: 5 }) as [CostPoint];
  shape.parts.transformer.dispose();
  return ms;
}

/** Path of the store, and how long it took to build, where it was not there. */
function builtStore(): string {
  const started = performance.now();
  const { path, built } = madeStore(encode, vocab, Number(options['store-mb']));
  if (built)
    report.note(
      `A store of ${options['store-mb']} MB of text is built in ${figure((performance.now() - started) / 1000)} s.`,
    );
  return path;
}

function memory(): Record<string, number> {
  const longest = Math.max(...options.histories.split(',').map(Number)) + Number(options.steps);
  return {
    lookup: Lookup.bytes(longest),
    recycle: Recycle.bytes(vocab),
    automaton: Automaton.bytes(longest),
    aded: Aded.bytes(),
    lookahead: Lookahead.bytes(vocab),
    reference: Reference.bytes(longest, longest),
  };
}
