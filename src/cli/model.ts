/**
 * The model of a command: which one, and how it is held.
 * @module
 */
import type { ThreadsOption } from '../engine/threads.ts';
import type { LoadProgress } from '../model/load-weights.ts';
import type { LoadOptions } from '../load.ts';
import type { KvType, WeightType } from '../model/memory-plan.ts';
import { hubOptions } from './hub.ts';
import type { OptionTable, OptionValues } from './options.ts';
import { peerTokenizer } from '../peer-tokenizer.ts';
import { bytesText } from './table.ts';
import type { Terminal } from './terminal.ts';

export const DEFAULT_MODEL = 'foretoken-code';

export const MODEL_OPTIONS = {
  model: {
    kind: 'text',
    value: 'NAME',
    help: `${DEFAULT_MODEL} (default), a folder, a .gguf file, the URL of either,\nor the id of a model on a hub, hf:OWNER/NAME@REVISION`,
  },
  dtype: {
    kind: 'text',
    value: 'TYPE',
    help: 'how weights are held: q8 (default where the widths allow it), q4, f16, bf16 or f32',
  },
  kv: { kind: 'text', value: 'TYPE', help: 'how keys and values are held: f32 (default), f16 or q8' },
  context: { kind: 'integer', value: 'N', help: "positions of the cache; default the model's own, 2048 at most" },
  threads: { kind: 'text', value: 'N', help: 'threads that run a pass together, or auto; default 1' },
  'peer-tokenizer': {
    kind: 'flag',
    help: 'read the tokenizer with @huggingface/tokenizers, where that is installed: for WordPiece, Unigram and the like',
  },
} as const satisfies OptionTable;

/** Loading shows its progress and stops when the terminal says so. */
export function loadOptions(
  { dtype, kv, context, threads, 'peer-tokenizer': usesPeer }: OptionValues<typeof MODEL_OPTIONS>,
  terminal: Terminal,
): LoadOptions {
  return {
    ...(dtype !== undefined && { dtype: dtype as WeightType }), // the loader refuses others
    ...(kv !== undefined && { kv: kv as KvType }),
    ...(context !== undefined && { context }),
    ...(threads !== undefined && { threads: threadsOption(threads) }),
    hub: hubOptions(),
    ...(usesPeer && { tokenizer: peerTokenizer }),
    signal: terminal.signal,
    onProgress: ({ loadedBytes, totalBytes }: LoadProgress) =>
      terminal.status(() => `loading, ${bytesText(loadedBytes)} of ${bytesText(totalBytes)}`),
  };
}

/** A number where it is one; the loader refuses words other than `auto`. */
function threadsOption(text: string): ThreadsOption {
  return /^\d+$/.test(text) ? Number(text) : (text as 'auto');
}
