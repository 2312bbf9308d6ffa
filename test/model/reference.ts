/**
 * What Hugging Face transformers computed with a fixture, and how far from it a model may be.
 * @module
 */
import { readFileSync } from 'node:fs';
import type { Session } from '../../src/model/session.ts';
import { prefill } from './plain-decoding.ts';

/** Largest difference of a row of numbers, relative to the row's largest. */
export const TOLERANCE = 1e-4;

export interface Expected {
  readonly prompt: Int32Array;
  readonly logits: Float32Array;
  /** Streams behind each layer; not in every fixture. */
  readonly hidden: Float32Array;
  readonly greedy: Int32Array;
}

/** A minimal reader of our own fixtures: a JSON header, then the arrays. */
export function readExpected(path: string): Expected {
  const bytes = new Uint8Array(readFileSync(path));
  const headerBytes = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + headerBytes)));
  const array = (tensor: string) => {
    const offsets: readonly number[] = header[tensor]?.data_offsets ?? [0, 0];
    const [begin, end] = offsets.map((offset) => 8 + headerBytes + offset);
    return bytes.slice(begin, end).buffer;
  };
  return {
    prompt: new Int32Array(array('prompt')),
    logits: new Float32Array(array('logits')),
    hidden: new Float32Array(array('hidden')),
    greedy: new Int32Array(array('greedy')),
  };
}

/** Largest |a - b| over the largest |b|; NaN where `a` has one. */
export function relativeDifference(a: Float32Array, b: Float32Array): number {
  let [difference, scale] = [0, 0];
  a.forEach((value, i) => {
    difference = Math.max(difference, Math.abs(value - b[i]!));
    scale = Math.max(scale, Math.abs(b[i]!));
  });
  return difference / scale;
}

/** Gap between the two largest values, over the largest magnitude: below the tolerance either may come first. */
export function topGap(row: Float32Array): number {
  const [first, second] = [...row].sort((a, b) => b - a);
  return (first! - second!) / row.reduce((scale, value) => Math.max(scale, Math.abs(value)), 0);
}

/** How the logits of a prompt differ from the reference's. */
export interface LogitsDifference {
  /** The largest of all rows. */
  readonly largest: number;
  /** Rows with another best id than the reference, though its two best are apart by more than the tolerance. */
  readonly otherBest: readonly number[];
}

/** Runs the prompt in one pass, on an empty session. */
export function compareLogits(session: Session, { prompt, logits }: Expected): LogitsDifference {
  const rows = session.forward({ tokens: prompt, parents: prompt.map((_, i) => i - 1) }, 'all');
  let largest = 0;
  const otherBest: number[] = [];
  for (let position = 0; position < prompt.length; position++) {
    const expected = logits.subarray(position * session.vocab, (position + 1) * session.vocab);
    largest = Math.max(largest, relativeDifference(rows.logits(position), expected));
    const best = expected.indexOf(Math.max(...expected));
    if (topGap(expected) > TOLERANCE && rows.argmax(position) !== best) otherBest.push(position);
  }
  return { largest, otherBest };
}

/**
 * Decodes greedily after the prompt, on an empty session.
 * @returns how many tokens are the reference's: all of them, or as many as come before one of which the two best are too near to tell apart;
 *   -1 - i when token i is another one for no such reason
 */
export function compareGreedy(session: Session, { prompt, greedy }: Expected): number {
  let logits = prefill(session, [...prompt]);
  for (const [i, expected] of greedy.entries()) {
    const token = logits.indexOf(Math.max(...logits));
    if (token !== expected) return topGap(logits) < TOLERANCE ? i : -1 - i; // From here on the two texts differ.
    logits = prefill(session, [token]);
  }
  return greedy.length;
}
