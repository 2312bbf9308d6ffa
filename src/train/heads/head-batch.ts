/**
 * A batch of heads in training: what the graph's inputs hold for some texts.
 *
 *   row t of a text of T tokens     hidden        h_t
 *                                   token.d       x_t+d                            none behind the end
 *                                   label.i       x_t+2+i as a draft id            none behind the end, nor for a token that cannot be guessed
 *                                   teacher.i     the row of h_t+1+i
 *                                   weight.i      1 / rows that have one
 *
 * A text that is shorter than its segment leaves rows without anything.
 * @module
 */
import { type Batch, meanWeights } from '../batch.ts';
import type { Graph } from '../graph.ts';
import type { DraftVocabulary } from './draft-vocabulary.ts';
import { HIDDEN, labelInput, teacherInput, tokenInput, weightInput } from './head-graph.ts';

/** A text that heads learn from. */
export interface LearntText {
  /** (T,) */
  readonly tokens: Int32Array;
  /** (T, D) */
  readonly hidden: Float32Array;
}

export interface BatchShape {
  /** K heads. */
  readonly heads: number;
  /** Rows of a segment. */
  readonly length: number;
}

/** How far behind row t lies what head i guesses, and the state from which the target says it. */
export const guessDistance = (i: number) => i + 2;
export const teacherDistance = (i: number) => i + 1;

/** @param graph whose inputs are filled: which there are depends on kind and loss @param texts one for each segment */
export function headBatch(
  graph: Graph,
  texts: readonly LearntText[],
  { draftIds }: DraftVocabulary,
  { heads, length }: BatchShape,
): Batch {
  const rows = texts.length * length;
  const width = texts[0]!.hidden.length / texts[0]!.tokens.length;
  const hidden = new Float32Array(rows * width);
  for (const [segment, text] of texts.entries()) hidden.set(text.hidden, segment * length * width);

  /** (rows,) of what lies `distance` tokens on. */
  const ahead = (distance: number, value: (text: LearntText, position: number, segment: number) => number) => {
    const values = new Int32Array(rows).fill(-1);
    texts.forEach((text, segment) => {
      for (let position = distance; position < text.tokens.length; position++) {
        values[segment * length + position - distance] = value(text, position, segment);
      }
    });
    return values;
  };
  const batch: Record<string, ArrayLike<number>> = { [HIDDEN]: hidden };
  const give = (name: string, values: ArrayLike<number>) => {
    if (graph.inputs.has(name)) batch[name] = values;
  };
  for (let i = 0; i < heads; i++) {
    give(
      tokenInput(i + 1),
      ahead(i + 1, ({ tokens }, position) => tokens[position]!),
    );
    const labels = ahead(guessDistance(i), ({ tokens }, position) => draftIds[tokens[position]!]!);
    const teachers = ahead(teacherDistance(i), (_, position, segment) => segment * length + position);
    give(labelInput(i), labels);
    give(teacherInput(i), teachers);
    give(weightInput(i), meanWeights(graph.inputs.has(teacherInput(i)) ? teachers : labels));
  }
  return batch;
}
