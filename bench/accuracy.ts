/**
 * What do weights of fewer bits cost in accuracy?
 * Usage: node bench/accuracy.ts [--model foretoken-code] [--dtypes f32,bf16,q8,q4] [--texts 40] [--out FILE]
 *
 * Bits per byte of functions that the model was not trained on (the held-out edits before their change), each read from an empty cache, and
 * how much that is above the first type.
 */
import { loadParts } from '../src/load.ts';
import type { WeightType } from '../src/model/memory-plan.ts';
import type { Session } from '../src/model/session.ts';
import { chain } from '../src/tree/draft-tree.ts';
import { modelSource } from './shared/models.ts';
import { heldOutEdits } from './shared/prompts.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({ model: 'foretoken-code', dtypes: 'f32,bf16,q8,q4', texts: '40' });
const report = new Report('accuracy', 'What do weights of fewer bits cost in accuracy?');

/** Minus the natural logarithm of the probability that logits give an id. */
function surprise(logits: Float32Array, id: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of logits) most = Math.max(most, value);
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - most);
  return Math.log(sum) + most - logits[id]!;
}

/** Nats of every token but the first, given those before it. */
function nats(session: Session, ids: Int32Array): number {
  session.truncate(0);
  let total = 0;
  for (let at = 0; at < ids.length - 1; at += session.maxNodes) {
    const tree = chain(ids.slice(at, Math.min(at + session.maxNodes, ids.length - 1)));
    const rows = session.forward(tree, 'all');
    tree.tokens.forEach((_, i) => {
      total += surprise(rows.logits(i), ids[at + i + 1]!);
    });
    session.commit(Int32Array.from(tree.tokens, (_, i) => i));
  }
  return total;
}

// Every function once: several edits may be of one.
const texts = [...new Set(heldOutEdits().map(({ before }) => before))].slice(0, Number(options.texts));
const rows: string[][] = [];
let baseline: number | undefined;
for (const dtype of options.dtypes.split(',') as WeightType[]) {
  const { transformer, tokenizer } = await loadParts(modelSource(options.model), { dtype });
  if (!tokenizer) throw new Error(`${options.model} has no tokenizer`);
  const session = transformer.session();
  let total = 0;
  let bytes = 0;
  for (const text of texts) {
    const ids = tokenizer.encode(text).subarray(0, session.context);
    total += nats(session, ids);
    bytes += new TextEncoder().encode(tokenizer.decode(ids.subarray(1))).length;
  }
  baseline ??= total;
  const above = `${(100 * (total / baseline - 1)).toFixed(3)}%`;
  rows.push([dtype, String(bytes), (total / Math.LN2 / bytes).toFixed(4), above]);
}
report.table(`${options.model}: ${texts.length} held-out functions`, [
  ['weights', 'bytes of text', 'bits per byte', `above ${options.dtypes.split(',')[0]}`],
  ...rows,
]);
report.close(options.out);
