/**
 * A draft model and the rule that accepts its drafts, on the command line.
 * @module
 */
import { beam, branches, chains, type DraftModel, draftModel, likeliest, topAndOne } from '../draft/draft-model.ts';
import type { TreeShape } from '../draft/sampled-tree.ts';
import { Superposed } from '../draft/superposed.ts';
import { ForetokenError, quote } from '../errors.ts';
import { load } from '../load.ts';
import type { Model } from '../model.ts';
import type { DraftSampling } from '../tree/draft-tree.ts';
import {
  type AcceptanceRule,
  exactDraw,
  greedyMultiDraft,
  type JudgeHead,
  kSeq,
  lossyJudge,
  lossyLenience,
  lossyTypical,
  speculativeSampling,
  withoutReplacement,
} from '../verify/index.ts';
import { loadOptions } from './model.ts';
import { readText } from './read-text.ts';
import type { OptionTable, OptionValues } from './options.ts';
import type { Terminal } from './terminal.ts';

/** What names and numbers of the command line have checked meanwhile: any rule beside any drafter. The rule checks at run time. */
type AnyRule = AcceptanceRule<DraftSampling>;

/** Rules by the name that they have in statistics, and the shape that suits each where none is given. */
const RULES: Readonly<
  Record<string, readonly [rule: (value: number | undefined) => AcceptanceRule<never>, shape: string]>
> = {
  'exact-draw': [() => exactDraw, 'likeliest:3,2,1'],
  speculative: [() => speculativeSampling, 'chains:1x4'],
  'k-seq': [() => kSeq, 'chains:3x3'],
  'without-replacement': [() => withoutReplacement, 'branches:3,1,1'],
  'greedy-multi-draft': [() => greedyMultiDraft, 'top:3,1,1'],
  'lossy-typical': [() => lossyTypical(), 'likeliest:3,2,1'],
  'lossy-lenience': [(value = 0.8) => lossyLenience(value), 'chains:1x4'],
};

export const DRAFT_MODEL_OPTIONS = {
  verify: {
    kind: 'text',
    value: 'RULE',
    help: `what is accepted: by default the model's own choice or draw; else ${Object.keys(RULES).join(', ')}`,
  },
  judge: {
    kind: 'text',
    value: 'FILE',
    help: 'lossy: also accept what a judge of foretoken train judge finds good enough',
  },
  'judge-threshold': { kind: 'number', value: 'T', help: 'how sure it has to be: default 0.5, 1 for nothing' },
  'draft-model': {
    kind: 'text',
    value: 'NAME',
    help: 'a smaller model that drafts, of the same vocabulary or another',
  },
  'draft-shape': {
    kind: 'text',
    value: 'SHAPE',
    help: 'its trees: chains:3x4 (count x depth), beam:3x4, branches:3,1,1 (children by level), top:3,1,1, likeliest:3,1,1;\nor superposed:3x6, so many continuations in one pass a level',
  },
  'draft-temperature': { kind: 'number', value: 'T', help: 'what it draws at; default 1' },
} as const satisfies OptionTable;

type Given = OptionValues<typeof DRAFT_MODEL_OPTIONS>;

/**
 * The rule of `--verify`. @throws {ForetokenError} `usage.option`, `option.range`
 * @example ruleOption('lossy-lenience:0.8')
 */
export function ruleOption({ verify }: Given): AnyRule | undefined {
  if (verify === undefined) return undefined;
  const [name, value] = verify.split(':', 2) as [string, string | undefined];
  const entry = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
  if (!entry || (value !== undefined && name !== 'lossy-lenience')) {
    throw new ForetokenError(
      'usage.option',
      `--verify ${quote(verify)}: expected ${Object.keys(RULES).join(', ')}, or lossy-lenience:NUMBER`,
    );
  }
  return entry[0](value === undefined ? undefined : Number(value)) as AnyRule;
}

/**
 * The rule of `--judge` on top of another, by default an exact draw.
 * @param never tokens that the judge alone never accepts
 * @throws {ForetokenError} `source.read`, `usage.option` for a file that is no judge; what `lossyJudge` states
 */
export async function judgeOption(
  { judge, 'judge-threshold': threshold }: Given,
  rule: AnyRule | undefined,
  never: readonly number[],
): Promise<AnyRule | undefined> {
  if (judge === undefined) return rule;
  const head = parseHead(judge, await readText('judge', judge));
  return lossyJudge(rule ?? exactDraw, head, { never, ...(threshold !== undefined && { threshold }) });
}

function parseHead(name: string, text: string): JudgeHead {
  try {
    const { weights, bias } = JSON.parse(text);
    if (Array.isArray(weights) && weights.every(Number.isFinite) && Number.isFinite(bias)) return { weights, bias };
  } catch {}
  throw new ForetokenError('usage.option', `--judge ${quote(name)}: expected what foretoken train judge writes`);
}

/**
 * The drafter of `--draft-model`.
 * @throws {ForetokenError} `usage.option` for a shape that is none; what `load` and `draftModel` state
 */
export async function draftModelOption(
  given: Given,
  terminal: Terminal,
): Promise<DraftModel<DraftSampling> | Superposed | undefined> {
  const { 'draft-model': name, 'draft-temperature': temperature } = given;
  if (name === undefined) return undefined;
  const rule = given.verify?.split(':')[0] ?? 'exact-draw';
  const text = given['draft-shape'] ?? RULES[rule]![1];
  const superposed = /^superposed:(\d{1,2})x(\d{1,2})$/.exec(text);
  const shape = superposed ? undefined : readShape(text);
  const model = await loadDraftModel(name, terminal);
  if (!shape) return new Superposed(model, { count: Number(superposed![1]), depth: Number(superposed![2]) });
  return draftModel(model, shape, temperature === undefined ? {} : { temperature });
}

/** As `load` loads it by default. */
export function loadDraftModel(name: string, terminal: Terminal): Promise<Model> {
  return load(name, loadOptions({}, terminal));
}

function readShape(text: string): TreeShape<DraftSampling> {
  const [name, sizes = ''] = text.split(':', 2) as [string, string | undefined];
  const byDepth = /^(\d{1,2})x(\d{1,2})$/.exec(sizes)?.slice(1).map(Number) as [number, number] | undefined;
  const byLevel = /^\d{1,2}(,\d{1,2})*$/.test(sizes) ? sizes.split(',').map(Number) : undefined;
  if (byDepth && name === 'chains') return chains(...byDepth);
  if (byDepth && name === 'beam') return beam(...byDepth);
  if (byLevel && name === 'branches') return branches(byLevel);
  if (byLevel && name === 'top') return topAndOne(byLevel);
  if (byLevel && name === 'likeliest') return likeliest(byLevel);
  throw new ForetokenError(
    'usage.option',
    `--draft-shape ${quote(text)}: expected chains:3x4, beam:3x4, branches:3,1,1, top:3,1,1, likeliest:3,1,1 or superposed:3x6`,
  );
}
