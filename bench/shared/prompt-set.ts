/**
 * The prompts of bench/prompts, made ready for a model.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchModel } from '../../src/cli/bench-model.ts';
import type { Case } from './cases.ts';
import { EDIT_END, repository } from './prompts.ts';

/** The six kinds of bench/prompts, each a file of 20. */
export const PROMPT_KINDS = ['code', 'edit', 'docstring', 'json', 'data', 'prose'] as const;
export type PromptKind = (typeof PROMPT_KINDS)[number];

/** A line of a file. */
export interface SetPrompt {
  readonly id: string;
  readonly kind: PromptKind;
  /** Where it was taken from, and under which licence. */
  readonly source: string;
  readonly licence: string;
  readonly prompt: string;
  /** What follows in the source; of an edit the right answer, whole. */
  readonly answer: string;
  /** Of an edit: the old text. */
  readonly reference?: string;
}

/** A prompt, what its output should be, and what a drafter may be given beside it. */
export interface SetCase extends Case {
  readonly id: string;
  /** Of an edit: the answer that counts as right, character for character. */
  readonly expected?: string;
  readonly reference?: readonly number[];
}

/** Whose text is decoded: the model's own, or the answer of the source, which the model is made to say (`GivenTarget`). */
export type Text = 'own' | 'given';

export interface SetOptions {
  readonly text: Text;
  readonly maxTokens: number;
  /** 0 is greedy; else each prompt has a seed of its own. Given answers are decoded greedily. */
  readonly temperature?: number;
  /** The first so many prompts of a kind. */
  readonly prompts?: number;
}

export function setPrompts(kind: PromptKind): SetPrompt[] {
  const text = readFileSync(join(repository, `bench/prompts/${kind}.jsonl`), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as SetPrompt);
}

/** What drafting is measured on: an edit ends where the answer does, all other texts after `maxTokens`. */
export function setCases(
  model: Pick<BenchModel, 'encode'>,
  kind: PromptKind,
  { text, maxTokens, temperature = 0, prompts = Number.POSITIVE_INFINITY }: SetOptions,
): SetCase[] {
  return setPrompts(kind)
    .slice(0, prompts)
    .map(({ id, prompt, answer, reference }, seed) => {
      const given = model.encode(answer, { addSpecial: false }).slice(0, maxTokens);
      return {
        id,
        kind,
        ids: model.encode(prompt),
        ...(reference !== undefined && { reference: model.encode(reference, { addSpecial: false }) }),
        ...(kind === 'edit' && { expected: answer }),
        ...(text === 'given'
          ? { answer: given, options: { maxTokens: given.length } }
          : {
              options: {
                maxTokens,
                ...(temperature > 0 && { temperature, seed }),
                ...(kind === 'edit' && { stop: EDIT_END }),
              },
            }),
      };
    });
}
