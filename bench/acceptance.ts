/**
 * Which drafter that runs no model gets most tokens accepted by a pass, at the budgets of its paper and at equal ones?
 * Usage: node bench/acceptance.ts [--model foretoken-code] [--dtype q8] [--texts given,sampled] [--budgets paper,8,16,80] [--prompts 5] [--max-tokens 128]
 *   [--drafters all] [--temperature 0.7] [--out FILE]
 *
 * No clock: trees are checked along a known text, so the machine may do what else it likes. Texts: the `given` answers of the sources, what the model
 * says `greedy`ly, and what it says `sampled`; of the latter two those that loop are left out. A drafter lives as long as its column, as in a session.
 *
 * The ordering that is asked for is that of Token Recycling's authors (arXiv 2408.08696): recycling above prompt lookup and above Lookahead, each at its
 * paper's budget. Beside it, at those budgets, stand experiments: the same drafters with one thing changed.
 */
import { BenchModel } from '../src/cli/bench-model.ts';
import { figure } from '../src/cli/table.ts';
import type { Drafter } from '../src/draft/drafter.ts';
import { Proposer } from '../src/draft/proposer.ts';
import { RANKS } from '../src/draft/recycle-template.ts';
import { Aded, Automaton, Fused, Lookahead, Lookup, Recycle } from '../src/drafters.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import { chain, rootOnly } from '../src/tree/draft-tree.ts';
import { simulate } from './shared/acceptance.ts';
import { hasLoop } from './shared/loops.ts';
import { modelSource } from './shared/models.ts';
import { PROMPT_KINDS, type PromptKind, setCases } from './shared/prompt-set.ts';
import { PublishedLookup } from './shared/published-lookup.ts';
import { benchOptions, Report } from './shared/report.ts';
import { sourceStore } from './shared/source-store.ts';

const options = benchOptions({
  model: 'foretoken-code',
  dtype: 'q8',
  texts: 'given,sampled',
  budgets: 'paper,8,16,80',
  prompts: '5',
  'max-tokens': '128',
  drafters: 'all',
  temperature: '0.7',
});
const report = new Report(
  'acceptance',
  'Which drafter that runs no model gets most tokens accepted by a pass, at the budgets of its paper and at equal ones?',
  'benchmarks',
);
const model = await BenchModel.load(modelSource(options.model), { dtype: options.dtype as WeightType });
const { vocab, context } = model.session;
const store = await sourceStore((text) => model.encode(text, { addSpecial: false }), vocab);

/** A drafter of the table. */
interface Entrant {
  readonly name: string;
  readonly make: () => Drafter;
  /** Nodes of its paper: those of its tree, or of its chain. */
  readonly paper: number;
  /** Compared at the budgets of the papers only. */
  readonly experiment?: boolean;
  /** Forgets before each prompt. */
  readonly cold?: boolean;
  /** Also learns from the model's rows at the positions of the prompt. */
  readonly readsPrompt?: boolean;
}

/** 2.2.2 of Token Recycling; PLD's 10 tokens; Lookahead's window and guesses of (5, 7, 7); SAM Decoding's 40; ADED's 24 paths of 3 and 1; REST's 64. */
const PAPER = { recycle: 80, lookup: 10, lookahead: 55, automaton: 40, aded: 96, store: 64 } as const;

const recycle = { make: () => new Recycle(vocab), paper: PAPER.recycle };
const ENTRANTS: readonly Entrant[] = [
  { name: 'recycle', ...recycle },
  { name: 'lookup, published', make: () => new PublishedLookup(), paper: PAPER.lookup },
  { name: 'lookup', make: () => new Lookup(context), paper: PAPER.lookup },
  { name: 'lookahead', make: () => new Lookahead(vocab), paper: PAPER.lookahead },
  { name: 'automaton', make: () => new Automaton(context), paper: PAPER.automaton },
  { name: 'aded', make: () => new Aded(), paper: PAPER.aded },
  { name: 'store of src', make: () => store.drafter(), paper: PAPER.store },
  { name: 'lookup+recycle', ...recycle, make: () => merged(new Lookup(context), new Recycle(vocab)) },
  { name: 'automaton+recycle', ...recycle, make: () => merged(new Automaton(context), new Recycle(vocab)) },
  { name: 'recycle, store fused', ...recycle, make: () => new Fused(new Recycle(vocab), store.drafter()) },
  { name: 'recycle, cold', ...recycle, experiment: true, cold: true },
  { name: 'recycle, reads the prompt', ...recycle, experiment: true, readsPrompt: true },
  { name: 'recycle, cold, reads the prompt', ...recycle, experiment: true, cold: true, readsPrompt: true },
  { name: 'lookahead, cold', make: () => new Lookahead(vocab), paper: PAPER.lookahead, experiment: true, cold: true },
  {
    name: 'automaton, gate 1',
    make: () => new Automaton(context, { shortest: 1 }),
    paper: PAPER.automaton,
    experiment: true,
  },
  {
    name: 'aded, published reward',
    make: () => new Aded({ reward: 'published' }),
    paper: PAPER.aded,
    experiment: true,
  },
];

/** A text to go along. */
interface Course {
  readonly kind: PromptKind;
  readonly ids: readonly number[];
  readonly output: readonly number[];
}

const entrants =
  options.drafters === 'all' ? ENTRANTS : ENTRANTS.filter(({ name }) => options.drafters.split(';').includes(name));
for (const text of options.texts.split(',')) {
  const { courses, loops } = await coursesOf(text);
  const counts = PROMPT_KINDS.map((kind) => `${courses.filter((course) => course.kind === kind).length} of ${kind}`);
  report.note(`Texts, ${text}: ${counts.join(', ')}; ${loops} loops are left out.`);
  reportReasons(text, courses);
  for (const budget of options.budgets.split(',')) await reportBudget(text, budget, courses);
}
report.close(options.out);

async function coursesOf(text: string): Promise<{ courses: Course[]; loops: number }> {
  const set = {
    text: text === 'given' ? ('given' as const) : ('own' as const),
    maxTokens: Number(options['max-tokens']),
    temperature: text === 'sampled' ? Number(options.temperature) : 0,
    prompts: Number(options.prompts),
  };
  const courses: Course[] = [];
  let loops = 0;
  for (const kind of PROMPT_KINDS) {
    for (const { ids, options: generate, answer } of setCases(model, kind, set)) {
      const output = answer ?? (await model.run(ids, { ...generate, draft: 'none' })).tokens;
      if (!answer && hasLoop(output)) loops++;
      else courses.push({ kind, ids, output });
    }
  }
  model.forget();
  return { courses, loops };
}

/**
 * What bounds the first drafted token, position by position along the texts: of recycling the model's best tokens here, and its best tokens where it last
 * read the same token; of lookup what followed the last tokens before.
 */
function reportReasons(text: string, courses: readonly Course[]): void {
  const rows = PROMPT_KINDS.flatMap((kind) => {
    const own = courses.filter((course) => course.kind === kind).map(reasonsOf);
    if (own.length === 0) return [];
    const sum = (of: (reasons: Reasons) => number) => own.reduce((total, reasons) => total + of(reasons), 0);
    const share = (of: (reasons: Reasons) => number) => `${Math.round((100 * sum(of)) / sum(({ tokens }) => tokens))}%`;
    return [[kind, share((r) => r.best), share((r) => r.amongBest), share((r) => r.recycled), share((r) => r.copied)]];
  });
  report.table(`${options.model}, ${options.dtype}, texts ${text}: shares of tokens that a first guess could know`, [
    [
      'kind',
      "the model's best",
      `among its ${RANKS} best`,
      `among the ${RANKS} best after the same token, read last`,
      'what followed the last 3, 2 or 1 tokens before',
    ],
    ...rows,
  ]);
}

/** Tokens of an output, and those of which each is true. */
interface Reasons {
  tokens: number;
  best: number;
  amongBest: number;
  recycled: number;
  copied: number;
}

function reasonsOf({ ids, output }: Course): Reasons {
  const { session } = model;
  session.truncate(0);
  const all = [...ids, ...output];
  const reasons: Reasons = { tokens: output.length, best: 0, amongBest: 0, recycled: 0, copied: 0 };
  const afterToken = new Map<number, Int32Array>();
  const lookup = new PublishedLookup();
  for (let start = 0; start < all.length - 1; start += session.maxNodes) {
    const tree = chain(all.slice(start, Math.min(start + session.maxNodes, all.length - 1)));
    const rows = session.forward(tree, 'all');
    for (const [node, token] of tree.tokens.entries()) {
      const at = start + node;
      const next = all[at + 1]!;
      const best = rows.topK(node, RANKS).slice();
      if (at >= ids.length - 1) {
        if (best[0] === next) reasons.best++;
        if (best.includes(next)) reasons.amongBest++;
        if (afterToken.get(token)?.includes(next)) reasons.recycled++;
        lookup.begin(Int32Array.from(all.slice(0, at + 1)));
        const guess = lookup.propose(2);
        if (guess.tokens.length > 1 && guess.tokens[1] === next) reasons.copied++;
      }
      afterToken.set(token, best);
    }
    session.commit(Int32Array.from(tree.tokens.keys()));
  }
  session.truncate(0);
  return reasons;
}

async function reportBudget(text: string, budget: string, courses: readonly Course[]): Promise<void> {
  const rows: string[][] = [];
  const found = new Map<string, { readonly mean: number; readonly lengths: ReadonlyMap<PromptKind, number> }>();
  for (const entrant of entrants) {
    if (entrant.experiment && budget !== 'paper') continue;
    const nodes = budget === 'paper' ? entrant.paper : Number(budget);
    const lengths = await lengthsOf(entrant, nodes, courses);
    const known = [...lengths.values()];
    const mean = known.reduce((sum, length) => sum + length, 0) / known.length;
    found.set(entrant.name, { mean, lengths });
    const cells = PROMPT_KINDS.map((kind) => (lengths.has(kind) ? figure(lengths.get(kind)!) : '-'));
    rows.push([entrant.name, String(nodes), ...cells, mean.toFixed(3)]);
  }
  const what = budget === 'paper' ? "each paper's number of nodes" : `${budget} drafted nodes`;
  report.table(`${options.model}, ${options.dtype}, texts ${text}: tokens emitted by a pass with ${what}`, [
    ['drafter', 'nodes', ...PROMPT_KINDS, 'mean'],
    ...rows,
  ]);
  const own = found.get('recycle');
  if (!own) return;
  for (const other of ['lookup, published', 'lookup', 'lookahead']) {
    const theirs = found.get(other);
    if (!theirs) continue;
    const kinds = [...own.lengths].filter(([kind, length]) => length > theirs.lengths.get(kind)!).map(([kind]) => kind);
    const verdict = own.mean > theirs.mean ? 'above' : 'NOT above';
    report.note(
      `Texts ${text}, ${what}: recycle is ${verdict} ${other} on the mean; it is above on ${kinds.join(', ') || 'no kind'}.`,
    );
  }
}

/** Tokens by passes for each kind that has texts. */
async function lengthsOf(
  { make, cold, readsPrompt }: Entrant,
  nodes: number,
  courses: readonly Course[],
): Promise<Map<PromptKind, number>> {
  let drafter = make();
  const sums = new Map<PromptKind, { passes: number; tokens: number }>();
  for (const { kind, ids, output } of courses) {
    if (cold) drafter = make();
    model.session.truncate(0);
    if (readsPrompt) readPrompt(drafter, ids);
    const { passes, tokens } = await simulate(model.session, drafter, ids, output, nodes, false);
    const before = sums.get(kind) ?? { passes: 0, tokens: 0 };
    sums.set(kind, { passes: before.passes + passes, tokens: before.tokens + tokens });
  }
  return new Map([...sums].map(([kind, { passes, tokens }]) => [kind, tokens / passes]));
}

/** Shows a drafter the model's rows at all positions of a prompt but the last, as if each had been a node of a pass. */
function readPrompt(drafter: Drafter, prompt: readonly number[]): void {
  const { session } = model;
  for (let start = 0; start < prompt.length - 1; start += session.maxNodes) {
    const tree = chain(prompt.slice(start, Math.min(start + session.maxNodes, prompt.length - 1)));
    const path = Int32Array.from(tree.tokens.keys());
    const rows = session.forward(tree, 'all');
    drafter.observe({ tree, path, emitted: tree.tokens, history: prompt.slice(0, start + tree.tokens.length), rows });
    session.commit(path);
  }
  session.truncate(0);
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
