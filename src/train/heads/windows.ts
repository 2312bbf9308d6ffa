/**
 * Windows: texts cut into pieces of one length, some of which are held out, and the order in which the others are trained on.
 *
 *   text  ├─ window ─┼─ window ─┼─ wi┤      a window never reaches over the end of a text; its last one may be short
 *
 * Bits: everything here is a function of the texts and the seed.
 * @module
 */
import { uniform } from '../../decode/random.ts';
import { ForetokenError } from '../../errors.ts';

/** Streams of random numbers: of the order of texts, and of windows. Those of src/decode are below 16. */
const TEXT_ORDER = 16;
const WINDOW_ORDER = 17;

/** Windows of a run. */
export interface Windows {
  readonly training: readonly Int32Array[];
  readonly heldOut: readonly Int32Array[];
}

export interface WindowOptions {
  /** Tokens of a window. */
  readonly length: number;
  /** Shorter ones are left out. */
  readonly least: number;
  /** Windows that are held out. */
  readonly heldOut: number;
  /** Windows of a batch: at least so many must be left. */
  readonly batch: number;
  readonly seed: number;
}

/**
 * Cuts texts. The order of texts is drawn from the seed, and the last windows of all are held out: whole texts where texts are short, the end of the last
 * one where there is only one.
 *
 * @throws {ForetokenError} `train.data` when there are fewer windows than `batch` and `heldOut`
 */
export function cutWindows(texts: readonly Int32Array[], options: WindowOptions): Windows {
  const { length, least, heldOut, batch, seed } = options;
  const windows = shuffled(texts.length, seed, TEXT_ORDER, 0).flatMap((number) => {
    const text = texts[number]!;
    return Array.from({ length: Math.ceil(text.length / length) }, (_, i) =>
      text.subarray(i * length, (i + 1) * length),
    ).filter((window) => window.length >= least);
  });
  if (windows.length < batch + heldOut) {
    throw new ForetokenError(
      'train.data',
      `the texts come to ${windows.length} windows of ${length} tokens: expected at least ${batch + heldOut}, of which ${heldOut} are held out`,
    );
  }
  const split = windows.length - heldOut;
  return { training: windows.slice(0, split), heldOut: windows.slice(split) };
}

/** Numbers of the windows of a batch: all of them once, in an order of the seed, then all in another one. */
export function batchWindows(count: number, batch: number, step: number, seed: number): number[] {
  const perEpoch = Math.floor(count / batch);
  const epoch = Math.floor(step / perEpoch);
  const first = (step % perEpoch) * batch;
  return shuffled(count, seed, WINDOW_ORDER, epoch).slice(first, first + batch);
}

/** 0..count - 1 in an order that the seed, the stream and `draw` decide. Source: Fisher and Yates, by Durstenfeld. */
function shuffled(count: number, seed: number, stream: number, draw: number): number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor(uniform(seed, i, draw, stream) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
