/**
 * Prompts made ready for a model: what goes in, and when its output counts.
 * @module
 */
import type { BenchModel, Run } from '../../src/cli/bench-model.ts';
import type { GenerateOptions } from '../../src/decode/options.ts';
import { hasLoop } from './loops.ts';
import { EDIT_END, type Edit, editPrompt, heldOutEdits, prosePrompts } from './prompts.ts';

export interface Case {
  /** For tables: the kind of edit, or of text. */
  readonly kind: string;
  readonly ids: readonly number[];
  readonly options: GenerateOptions;
  /** The answer that the model is given, where it does not find it itself. */
  readonly answer?: readonly number[];
}

/** Tokens by which an edit may be longer than the right answer before it is cut off: room for the end mark, and for being wrong. */
const SPARE_TOKENS = 16;

/** The edits whose prompt and right answer fit the model's context. */
export function editCases(model: BenchModel): (Case & { readonly edit: Edit })[] {
  return heldOutEdits().flatMap((edit) => {
    const ids = model.encode(editPrompt(edit));
    const maxTokens = model.encode(edit.after).length + SPARE_TOKENS;
    return ids.length + maxTokens > model.session.context
      ? []
      : [{ kind: edit.kind, ids, options: { maxTokens, stop: EDIT_END }, edit }];
  });
}

/** The same edits with their right answers given, cut where they end. */
export function givenEditCases(model: BenchModel): Case[] {
  return editCases(model).map(({ kind, ids, edit }) => {
    const answer = model.encode(edit.after);
    return { kind, ids, answer, options: { maxTokens: answer.length } };
  });
}

/** @param temperature 0 is greedy; else each prompt has a seed of its own */
export function proseCases(model: BenchModel, maxTokens: number, temperature: number): Case[] {
  return prosePrompts().map(({ kind, text }, index) => ({
    kind,
    ids: model.encode(text),
    options: { maxTokens, temperature, ...(temperature > 0 && { seed: index }) },
  }));
}

/** Cases sorted by what came out. */
export interface Sorted<C extends Case> {
  /** Right, and no loop. */
  readonly good: readonly C[];
  readonly wrong: number;
  readonly loops: number;
}

/** Runs every case once, with `auto`, and sorts them. @param isRight whether an output counts at all */
export async function sortCases<C extends Case>(
  model: BenchModel,
  cases: readonly C[],
  isRight: (run: Run, instance: C) => boolean,
): Promise<Sorted<C>> {
  const good: C[] = [];
  let wrong = 0;
  let loops = 0;
  for (const instance of cases) {
    const run = await model.run(instance.ids, instance.options);
    if (!isRight(run, instance)) wrong++;
    else if (hasLoop(run.tokens)) loops++;
    else good.push(instance);
  }
  return { good, wrong, loops };
}

/** An edit is right when it is the expected function, character for character, and the model says that it ends there. */
export function isRightEdit({ text, finishReason }: Run, { edit }: { readonly edit: Edit }): boolean {
  return finishReason === 'stop' && text === edit.after;
}
