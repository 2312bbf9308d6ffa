/**
 * A draft head on the command line.
 * @module
 */
import type { DraftOption } from '../decode/options.ts';
import { ForetokenError, quote } from '../errors.ts';
import {
  beamTree,
  fixedTree,
  type HeadDrafter,
  type HeadTarget,
  type HeadTree,
  likeliestTree,
  loadHead,
  PUBLISHED_TREES,
} from '../heads/index.ts';
import type { OptionTable, OptionValues } from './options.ts';

const TREES = ['likeliest:8', 'beam:4x3', 'fixed', ...Object.keys(PUBLISHED_TREES)];
/** Stands for the head among the names of `--draft`. */
const HEAD = 'head';

export const HEAD_OPTIONS = {
  'draft-heads': {
    kind: 'text',
    value: 'PATH',
    help: `also draft with the head in this folder; ${HEAD} is its place in the list of --draft, by default the last`,
  },
  'head-tree': {
    kind: 'text',
    value: 'SHAPE',
    help: `how its trees grow: likeliest:8 (nodes of a level that are looked below), beam:4x3 (beams x length),\nfixed (by measured accuracies), or ${Object.keys(PUBLISHED_TREES).join(', ')}`,
  },
} as const satisfies OptionTable;

/**
 * The drafter of `--draft-heads`.
 * @throws {ForetokenError} `usage.option` for a tree that is none, or without a head; what `loadHead` states
 */
export async function headOption(
  { 'draft-heads': path, 'head-tree': tree }: OptionValues<typeof HEAD_OPTIONS>,
  target: HeadTarget,
): Promise<HeadDrafter | undefined> {
  if (path !== undefined) return loadHead(path, target, tree === undefined ? {} : { tree: readTree(tree) });
  if (tree !== undefined) throw new ForetokenError('usage.option', '--head-tree: give a head with --draft-heads');
  return undefined;
}

/**
 * What drafts, with a head at its place.
 * @throws {ForetokenError} `usage.option` where nothing is to be drafted
 */
export function withHead(draft: DraftOption, head: HeadDrafter | undefined): DraftOption {
  if (!head) return draft;
  if (draft === 'none') throw new ForetokenError('usage.option', '--draft-heads: nothing is drafted with --draft none');
  const named = [draft].flat() as unknown[];
  const all = named.includes(HEAD) ? named : [...named, HEAD];
  return all.map((name) => (name === HEAD ? head : name)) as unknown as DraftOption;
}

function readTree(text: string): HeadTree {
  if (text === 'fixed') return fixedTree();
  if (Object.hasOwn(PUBLISHED_TREES, text)) return fixedTree(PUBLISHED_TREES[text as keyof typeof PUBLISHED_TREES]);
  const sizes = /^(likeliest|beam)(?::(\d{1,2})(?:x(\d{1,2}))?)?$/.exec(text);
  const width = sizes?.[2] === undefined ? {} : { width: Number(sizes[2]) };
  const length = sizes?.[3] === undefined ? {} : { length: Number(sizes[3]) };
  if (sizes?.[1] === 'beam') return beamTree({ ...width, ...length });
  if (sizes && sizes[3] === undefined) return likeliestTree(width);
  throw new ForetokenError('usage.option', `--head-tree ${quote(text)}: expected ${TREES.join(', ')}`);
}
