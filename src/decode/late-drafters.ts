/**
 * What a generation needs only when it is asked for: the drafters that `auto` does without, a reference for a prediction, reports of steps. Loaded by
 * drafting.ts when a call first names one of them.
 * @module
 */
import { Aded } from '../draft/aded.ts';
import { Automaton } from '../draft/automaton.ts';
import type { Drafter } from '../draft/drafter.ts';
import { Lookahead } from '../draft/lookahead.ts';
import { Reference } from '../draft/reference.ts';
import { ForetokenError, quote } from '../errors.ts';
import type { TextTokenizer } from '../text/text-tokenizer.ts';
import type { DraftingSizes, DraftPlan } from './drafting.ts';
import type { DrafterName, Prediction } from './options.ts';
import { type StepReport, stepReport } from './step-report.ts';

/** A prediction may be longer than the context: what is of use is found. */
const MOST_PREDICTED = 2 ** 20;

/** @throws {ForetokenError} `memory.refused` where the host has no room for its tables */
export function lateDrafter(name: DrafterName, { vocab, context }: DraftingSizes): Drafter {
  return reserved(name, () => {
    switch (name) {
      case 'automaton':
        return new Automaton(context);
      case 'aded':
        return new Aded();
      case 'lookahead':
        return new Lookahead(vocab);
      default:
        throw new Error(`${name} is no late drafter`);
    }
  });
}

/**
 * The drafter of a prediction.
 * @throws {ForetokenError} `option.type`, `option.range` for a prediction that is none, `option.prediction` for text without a tokenizer,
 *   `memory.refused`
 */
export function referenceFor(
  prediction: Prediction,
  { vocab, context }: DraftingSizes,
  tokenizer?: TextTokenizer,
): Drafter {
  const tokens = tokensOf(prediction, tokenizer);
  if (!(Number.isInteger(tokens?.length) && tokens.length <= MOST_PREDICTED)) {
    throw new ForetokenError(
      'option.range',
      `prediction: expected 0..${MOST_PREDICTED} tokens, got ${Number(tokens?.length)}`,
    );
  }
  const checked = Int32Array.from(tokens, (token, i) => {
    if (Number.isInteger(token) && token >= 0 && token < vocab) return token;
    const got = typeof token === 'number' ? token : typeof token;
    throw new ForetokenError('option.range', `prediction: token ${i} is ${got}: expected an integer, 0..${vocab - 1}`);
  });
  return reserved('reference', () => new Reference(checked, context));
}

/** Tells a caller of each pass. */
export function reporter(onStep: (step: StepReport) => void): DraftPlan['report'] {
  return (record, timing, sources) => onStep(stepReport(record, timing, sources));
}

function tokensOf(prediction: Prediction, tokenizer: TextTokenizer | undefined): ArrayLike<number> {
  const text = typeof prediction === 'string' ? prediction : contentOf(prediction);
  if (text === undefined) return prediction as ArrayLike<number>;
  if (tokenizer) return tokenizer.encode(text);
  throw new ForetokenError(
    'option.prediction',
    'a prediction as text needs a tokenizer, and this model has none: give token ids',
  );
}

/** The text of OpenAI's form; undefined where it is not that. @throws {ForetokenError} `option.type` */
function contentOf(prediction: Exclude<Prediction, string>): string | undefined {
  if (!('type' in prediction)) return undefined;
  const { type, content } = prediction;
  const parts =
    typeof content === 'string' ? [{ type: 'text', text: content }] : Array.isArray(content) ? content : [{}];
  if (type !== 'content' || parts.some((part) => part?.type !== 'text' || typeof part.text !== 'string')) {
    const message = `prediction: expected { type: 'content', content } with a text or parts of text, got type ${quote(String(type))}`;
    throw new ForetokenError('option.type', message);
  }
  return parts.map(({ text }) => text).join('');
}

/** @throws {ForetokenError} `memory.refused` */
function reserved<T>(name: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ForetokenError('memory.refused', `the host has no memory for the tables of ${quote(name)}`, { cause });
  }
}
