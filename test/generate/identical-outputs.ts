/**
 * The outputs of the embedded model under every kind of drafting, beside those of plain decoding: the measure of the proofs here and in
 * test/full.
 * @module
 */
import { join } from 'node:path';
import { editPrompt, heldOutEdits, prosePrompts, repository } from '../../bench/shared/prompts.ts';
import { type DraftOption, type GenerateOptions, type LoadOptions, load, type Model } from '../../src/index.ts';

/** The ways to draft that everybody has. */
export const DRAFTS: readonly DraftOption[] = ['lookup', 'recycle', ['lookup', 'recycle'], 'auto'];

/** Those that are loaded when they are named, alone and merged. */
export const LATE_DRAFTS: readonly DraftOption[] = [
  'automaton',
  'aded',
  'lookahead',
  ['automaton', 'recycle'],
  ['auto', 'automaton', 'aded', 'lookahead'],
];

/** Greedy, and two kinds of seeded sampling. */
export const SETTINGS: readonly GenerateOptions[] = [
  {},
  { temperature: 0.8, topK: 40, topP: 0.95, seed: 1 },
  { temperature: 1.2, minP: 0.05, repetitionPenalty: 1.1, seed: 2 },
];

/** Free prose and code, then edits of functions: as many prompts as asked for, spread over all of them. */
export function prompts(count: number): string[] {
  const all = [...prosePrompts().map(({ text }) => text), ...heldOutEdits().map(editPrompt)];
  return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]!);
}

export function embeddedModel(dtype: 'f32' | 'q8' | 'q4', options: LoadOptions = {}): Promise<Model> {
  return load(join(repository, 'weights/foretoken-code'), { dtype, ...options });
}

/** What was compared. */
export interface Comparison {
  readonly outputs: number;
  readonly tokens: number;
  /** Drafted tokens that were accepted: without any, nothing would have been proved. */
  readonly accepted: number;
  /** Prompt and drafting of each output that is not plain decoding's. */
  readonly different: readonly string[];
}

/** Generates after every prompt with every setting, plainly and with every draft. */
export async function compareOutputs(
  model: Model,
  texts: readonly string[],
  maxTokens: number,
  drafts: readonly DraftOption[] = DRAFTS,
  settingsOf: readonly GenerateOptions[] = SETTINGS,
): Promise<Comparison> {
  let [outputs, tokens, accepted] = [0, 0, 0];
  const different: string[] = [];
  for (const [index, text] of texts.entries()) {
    for (const settings of settingsOf) {
      const run = async (draft: DraftOption) => {
        const generation = model.generate(text, { ...settings, maxTokens, draft });
        const output = await generation.text();
        accepted += generation.stats.num_accepted_tokens;
        return JSON.stringify([generation.finishReason, generation.tokens, output]);
      };
      const plain = await run('none');
      tokens += JSON.parse(plain)[1].length;
      for (const draft of drafts) {
        outputs++;
        if ((await run(draft)) !== plain) different.push(`prompt ${index}, ${JSON.stringify({ ...settings, draft })}`);
      }
    }
  }
  return { outputs, tokens, accepted, different };
}
