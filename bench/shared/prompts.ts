/**
 * Prompts of the benchmarks: held-out edits (weights/recipe/edits.py), and free prose and code written for this purpose.
 * @module
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the repository, from the sources and from build/ alike. */
export const repository = (() => {
  const folder = fileURLToPath(new URL('../..', import.meta.url));
  return folder.endsWith('build/') ? dirname(folder) : folder;
})();

/** A change of a function, made by a rule from a package that the model was not trained on. */
export interface Edit {
  readonly instruction: string;
  readonly before: string;
  readonly after: string;
  readonly kind: string;
  readonly package: string;
}

export function heldOutEdits(): Edit[] {
  const text = readFileSync(join(repository, 'weights/recipe/edits-heldout.jsonl'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Edit);
}

/** The form that the embedded model was trained on; its answer ends with `EDIT_END`. */
export function editPrompt({ instruction, before }: Pick<Edit, 'instruction' | 'before'>): string {
  return `### Instruction\n${instruction}\n### Before\n${before}\n### After\n`;
}

export const EDIT_END = '\n### End';

export type ProseKind = 'prose' | 'code';

export function prosePrompts(): { readonly kind: ProseKind; readonly text: string }[] {
  return JSON.parse(readFileSync(join(repository, 'bench/prompts.json'), 'utf8'));
}
