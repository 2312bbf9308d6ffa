/**
 * What do drafters that run no model cost, and how much do they get right with equal budgets?
 * Usage: node bench/drafters.ts [--model foretoken-code] [--parts speed,acceptance] [--histories 1000,10000,100000] [--store-mb 100] [--steps 200]
 *   [--nodes 16] [--shape 135m] [--budgets 8,16,80] [--prompts 12] [--max-tokens 96] [--out FILE]
 *
 * Speed: microseconds of a proposal and of learning from a step, medians over steps along a made text, beside the time of a pass of a shape. The store
 * is of made text (shared/store-text.ts); its first searches read the file, later ones what is in memory.
 * Acceptance: tokens a pass along the model's own greedy output, and along the right answers of edits, which are given (shared/acceptance.ts).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BenchModel } from '../src/cli/bench-model.ts';
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import type { Drafter } from '../src/draft/drafter.ts';
import { Proposer } from '../src/draft/proposer.ts';
import {
  Aded,
  Automaton,
  Fused,
  Lookahead,
  Lookup,
  openStore,
  Recycle,
  Reference,
  StoreBuilder,
} from '../src/drafters.ts';
import type { TargetRows } from '../src/model/target.ts';
import { rootOnly } from '../src/tree/draft-tree.ts';
import { simulate } from './shared/acceptance.ts';
import { editCases, proseCases } from './shared/cases.ts';
import { modelSource } from './shared/models.ts';
import { repository } from './shared/prompts.ts';
import { benchOptions, Report } from './shared/report.ts';
import { madeStore, madeTokens } from './shared/store-text.ts';

const options = benchOptions({
  model: 'foretoken-code',
  parts: 'speed,acceptance',
  histories: '1000,10000,100000',
  'store-mb': '100',
  steps: '200',
  nodes: '16',
  shape: '135m',
  budgets: '8,16,80',
  prompts: '12',
  'max-tokens': '96',
});
const report = new Report(
  'drafters',
  'What do drafters that run no model cost, and how much do they get right with equal budgets?',
);
const parts = options.parts.split(',');
const model = await BenchModel.load(modelSource(options.model));
const { vocab, context } = model.session;
const encode = (text: string) => model.encode(text);

if (parts.includes('speed')) await reportSpeed();
if (parts.includes('acceptance')) await reportAcceptance();
report.close(options.out);

/** Rows that cost nothing to read: learning is timed without the kernels that it asks. */
function givenRows(): TargetRows {
  const logits = Float32Array.from({ length: vocab }, (_, id) => -id);
  const best = Int32Array.from({ length: 64 }, (_, id) => id);
  return { logits: () => logits, argmax: () => 0, topK: (_, k) => best.subarray(0, k) };
}

interface Costs {
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
  drafter.begin(text.slice(0, history), 0);
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
  return { proposeUs: median(proposing), observeUs: median(observing), firstUs: median(first) };
}

async function reportSpeed(): Promise<void> {
  const [steps, nodes] = [Number(options.steps), Number(options.nodes)];
  const shape = await BenchModel.load(modelSource(options.shape));
  const passMs = shape.costCurve({ prompt: Array.from({ length: 64 }, (_, i) => i), rounds: 5 })[0]!.ms;
  const store = await openStore(madeStore(encode, vocab, Number(options['store-mb'])));
  const rows: string[][] = [];
  for (const history of options.histories.split(',').map(Number)) {
    const text = madeTokens(encode, history + steps, 7);
    const drafters: Record<string, Drafter> = {
      lookup: new Lookup(text.length),
      recycle: new Recycle(vocab),
      automaton: new Automaton(text.length),
      aded: new Aded(),
      lookahead: new Lookahead(vocab),
      reference: new Reference(madeTokens(encode, history, 8), text.length),
      [`store of ${options['store-mb']} MB`]: store.drafter(),
    };
    for (const [name, drafter] of Object.entries(drafters)) {
      const { proposeUs, observeUs, firstUs } = await costsOf(drafter, text, history, nodes);
      const share = (proposeUs + observeUs) / (10 * passMs);
      rows.push([name, String(history), figure(proposeUs), figure(firstUs), figure(observeUs), `${figure(share)}%`]);
    }
  }
  report.table(
    `Microseconds, medians of ${steps} steps of ${nodes} nodes; a pass of ${options.shape} over one token takes ${figure(passMs)} ms`,
    [['drafter', 'history', 'proposal', 'first 20', 'learning', 'of a pass'], ...rows],
  );
}

/** What is told apart in the table: an output to go along, and what a reference would be. */
interface Course {
  readonly kind: string;
  readonly ids: readonly number[];
  readonly output: readonly number[];
  readonly reference: readonly number[];
}

async function courses(): Promise<Course[]> {
  const most = Number(options.prompts);
  const maxTokens = Number(options['max-tokens']);
  const spread = <T>(all: readonly T[]) =>
    Array.from(
      { length: Math.min(most, all.length) },
      (_, i) => all[Math.floor((i * all.length) / Math.min(most, all.length))]!,
    );
  const edits = spread(editCases(model)).map(({ ids, edit }) => ({
    kind: 'edit',
    ids,
    output: model.encode(edit.after).slice(0, maxTokens),
    reference: model.encode(edit.before),
  }));
  const texts: Course[] = [];
  for (const { kind, ids, options: given } of proseCases(model, maxTokens, 0)) {
    if (texts.filter((other) => other.kind === kind).length >= most) continue;
    model.forget();
    const { tokens } = await model.run(ids, { ...given, draft: 'none' });
    texts.push({ kind, ids, output: tokens, reference: [] });
  }
  return [...edits, ...texts];
}

/** Several drafters as the loop merges them. */
function merged(...drafters: Drafter[]): Drafter {
  const proposer = new Proposer(drafters);
  let root = 0;
  return {
    name: proposer.drafters.join('+'),
    begin(prompt) {
      root = prompt.at(-1)!;
      proposer.begin(prompt);
    },
    propose: (nodes) => (nodes < 2 ? rootOnly(root) : proposer.propose({ nodes, root, vocab })),
    observe(step) {
      root = step.emitted.at(-1)!;
      proposer.observe(step);
    },
  };
}

async function reportAcceptance(): Promise<void> {
  const builder = new StoreBuilder(vocab);
  for (const file of readdirSync(join(repository, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.includes('-binary')) continue;
    builder.add(encode(readFileSync(join(repository, 'src', file), 'utf8')));
    builder.endDocument();
  }
  const store = await openStore(new Blob([...builder.pieces()].map((piece) => piece.slice())));
  /** A drafter lives as long as its column, as in a session: what it learns from one prompt helps with the next. */
  const drafters: Record<string, () => (reference: readonly number[]) => Drafter> = {
    lookup: () => constant(new Lookup(context)),
    recycle: () => constant(new Recycle(vocab)),
    automaton: () => constant(new Automaton(context)),
    'automaton, gate 1': () => constant(new Automaton(context, { shortest: 1 })),
    'automaton,recycle': () => constant(merged(new Automaton(context), new Recycle(vocab))),
    aded: () => constant(new Aded()),
    'aded, published reward': () => constant(new Aded({ reward: 'published' })),
    lookahead: () => constant(new Lookahead(vocab)),
    'store of src': () => constant(store.drafter()),
    'recycle and store, fused': () => constant(new Fused(new Recycle(vocab), store.drafter())),
    'lookup,recycle': () => constant(merged(new Lookup(context), new Recycle(vocab))),
    reference: () => (reference) => new Reference(reference, context),
  };
  const all = await courses();
  const kinds = [...new Set(all.map(({ kind }) => kind))];
  for (const budget of options.budgets.split(',').map(Number)) {
    const rows: string[][] = [];
    for (const [name, make] of Object.entries(drafters)) {
      const drafterFor = make();
      const sums = new Map(kinds.map((kind) => [kind, { passes: 0, tokens: 0 }]));
      for (const { kind, ids, output, reference } of all) {
        if (name === 'reference' && reference.length === 0) continue;
        model.session.truncate(0);
        const { passes, tokens } = await simulate(
          model.session,
          drafterFor(reference),
          ids,
          output,
          budget,
          kind !== 'edit',
        );
        const sum = sums.get(kind)!;
        sum.passes += passes;
        sum.tokens += tokens;
      }
      const lengths = kinds
        .map((kind) => sums.get(kind)!)
        .filter(({ passes }) => passes > 0)
        .map(({ passes, tokens }) => tokens / passes);
      const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
      rows.push([
        name,
        ...kinds.map((kind) => (sums.get(kind)!.passes ? figure(sums.get(kind)!.tokens / sums.get(kind)!.passes) : '')),
        figure(mean),
      ]);
    }
    report.table(`${options.model}: tokens a pass with ${budget} drafted nodes, ${all.length} outputs`, [
      ['drafter', ...kinds, 'mean'],
      ...rows,
    ]);
  }
  model.forget();
}

function constant<T>(value: T): () => T {
  return () => value;
}
