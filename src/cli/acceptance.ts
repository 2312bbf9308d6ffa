/**
 * `foretoken acceptance`: which way of sampling drafts, which rule and how many drafts pay for a model and its draft model, on a text.
 * @module
 */
import { compareSampling, type RowPair, type SamplingGain } from '../analysis/index.ts';
import { checkOptions } from '../decode/options.ts';
import type { SamplingSettings } from '../decode/sampling.ts';
import { ForetokenError } from '../errors.ts';
import { load } from '../load.ts';
import type { Target } from '../model/target.ts';
import { chain } from '../tree/draft-tree.ts';
import { normalise, TargetWeights } from '../verify/rule.ts';
import { command } from './command.ts';
import { type CostPoint, measureCostCurve } from './cost-curve.ts';
import { DRAFT_MODEL_OPTIONS, loadDraftModel } from './draft-model-options.ts';
import { DEFAULT_MODEL, loadOptions, MODEL_OPTIONS } from './model.ts';
import { PROMPT_OPTIONS, readPrompt } from './prompt.ts';
import { figure, table } from './table.ts';

/** Positions of the text that are looked at, evenly spread. */
const POSITIONS = 64;

export const acceptanceCommand = command({
  name: 'acceptance',
  summary: 'tells which way of drafting pays for a model and a draft model',
  usage: '[TEXT] --draft-model NAME [OPTIONS]',
  options: {
    ...MODEL_OPTIONS,
    ...PROMPT_OPTIONS,
    'draft-model': DRAFT_MODEL_OPTIONS['draft-model'],
    'draft-temperature': DRAFT_MODEL_OPTIONS['draft-temperature'],
    temperature: { kind: 'number', value: 'T', help: 'of the model; default 1' },
    positions: { kind: 'integer', value: 'N', help: `positions of the text to look at; default ${POSITIONS}` },
    json: { kind: 'flag', help: 'print one object: positions, costs and every way compared' },
  },
  positionals: 1,
  notes: `Both models read the text. At each position looked at, their distributions say what the best rule for a way of sampling could accept of 1 to 4
drafts (optimum), and what a rule does accept (accepted). With the measured cost of passes that gives the depth at which drafts, each going
on as a chain, pay most, and the speed-up to be expected.

  foretoken acceptance --file text.txt --model large --draft-model small`,
  async run({ options, positionals: [argument] }, terminal) {
    const text = await readPrompt(argument, options);
    if (text === undefined)
      throw new ForetokenError('usage.prompt', 'no text: give an argument, --file or --prompt-ids');
    const { 'draft-model': draftName, temperature = 1, 'draft-temperature': draftTemperature = 1 } = options;
    if (draftName === undefined) throw new ForetokenError('usage.option', '--draft-model is missing');
    const model = await load(options.model ?? DEFAULT_MODEL, loadOptions(options, terminal));
    const draft = await loadDraftModel(draftName, terminal);
    if (draft.config.vocab !== model.config.vocab) {
      const sizes = `a vocabulary of ${draft.config.vocab}, the model's has ${model.config.vocab}`;
      throw new ForetokenError('usage.option', `--draft-model: ${sizes}: distributions are compared token by token`);
    }

    const tokens = Array.from(model.encode(text));
    const target = model.conversation().target;
    const drafter = draft.conversation().target;
    const length = Math.min(tokens.length, target.context, drafter.context);
    const positions = spread(length, options.positions ?? POSITIONS);
    const rows = (from: Target, at: number) => rowsAt(from, tokens.slice(0, length), positions, samplingAt(at));
    const targetRows = rows(target, temperature);
    const draftRows = rows(drafter, draftTemperature);
    const pairs = targetRows.map((targetProb, i): RowPair => ({ targetProb, draftProb: draftRows[i]! }));

    const curve = measure(target, tokens);
    const draftCost = measure(drafter, tokens)[0]!.ms / curve[0]!.ms;
    const gains = compareSampling(pairs, { costs: everyCost(curve), draftCost });
    const result = { positions: positions.length, draftCost, costs: curve, gains };
    await terminal.write(options.json ? `${JSON.stringify(result)}\n` : `${describe(result)}\n`);
  },
});

/** @throws {ForetokenError} `option.range` */
function samplingAt(temperature: number): SamplingSettings {
  return checkOptions({ temperature }).sampling;
}

function spread(length: number, count: number): number[] {
  const most = Math.max(1, Math.min(count, length));
  return Array.from({ length: most }, (_, i) => Math.floor((i * length) / most));
}

/** Normalised distributions after the tokens at some positions, which are in order; the cache is empty before and after. */
function rowsAt(
  target: Target,
  tokens: readonly number[],
  positions: readonly number[],
  sampling: SamplingSettings,
): Float64Array[] {
  const weights = new TargetWeights(target.vocab, sampling);
  const result: Float64Array[] = [];
  for (let start = 0; start < tokens.length; start += target.maxNodes) {
    const block = chain(tokens.slice(start, start + target.maxNodes));
    const rows = target.forward(block, 'all');
    for (const position of positions) {
      if (position < start || position >= start + block.tokens.length) continue;
      const row = weights.at(rows.logits(position - start), []).slice();
      normalise(row);
      result.push(row);
    }
    target.commit(Int32Array.from(block.tokens.keys()));
  }
  target.truncate(0);
  return result;
}

/** Half the context stays free for the passes that are measured. */
function measure(target: Target, tokens: readonly number[]): CostPoint[] {
  return measureCostCurve(target, { prompt: tokens.slice(0, Math.floor(target.context / 2)), rounds: 5 });
}

/** T(n) for every n: straight lines between the sizes that were measured. */
function everyCost(curve: readonly CostPoint[]): Float64Array {
  const costs = new Float64Array(curve.at(-1)!.nodes + 1);
  curve.forEach(({ nodes, ms }, i) => {
    const before = curve[i - 1] ?? { nodes: 0, ms };
    for (let n = before.nodes + 1; n <= nodes; n++) {
      costs[n] = before.ms + ((ms - before.ms) * (n - before.nodes)) / (nodes - before.nodes);
    }
  });
  return costs;
}

function describe({
  positions,
  draftCost,
  gains,
}: {
  readonly positions: number;
  readonly draftCost: number;
  readonly gains: readonly SamplingGain[];
}): string {
  const rows = gains.map(({ rule, sampling, count, optimum, acceptance, depth, nodes, tokens, gain }) => [
    rule,
    sampling,
    String(count),
    ...[optimum, acceptance].map((rate) => rate.toFixed(3)),
    String(depth),
    String(nodes),
    ...[tokens, gain].map(figure),
  ]);
  const head = ['rule', 'drafts are', 'drafts', 'optimum', 'accepted', 'depth', 'nodes', 'tokens a pass', 'speed-up'];
  const [best] = gains;
  const advice =
    best!.gain > 1
      ? `Best: ${best!.rule} with ${best!.count} drafts ${best!.depth} deep.`
      : 'None of these pays: a plain step does better.';
  return `${table([head, ...rows])}

${positions} positions; a pass of the draft model costs ${figure(draftCost)} of one of the model.
${advice}`;
}
