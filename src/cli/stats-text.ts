/**
 * Statistics of a generation for people.
 * @module
 */
import type { GenerationStats } from '../decode/stats.ts';
import type { Model } from '../model.ts';
import { figure } from './table.ts';

/** `84 tokens, 123 tokens/s, 2.41 tokens a pass`: short enough for a live line. */
export function summaryLine({ newTokens, tokensPerSecond, blockEfficiency }: GenerationStats): string {
  return `${newTokens} tokens, ${figure(tokensPerSecond)} tokens/s, ${figure(blockEfficiency)} tokens a pass`;
}

/** How it went, one line a topic. */
export function statsLines(stats: GenerationStats): string {
  const decodeMs = stats.totalMs - stats.prefillMs;
  const share = (ms: number) => `${figure(ms)} ms`;
  const lines = [
    summaryLine(stats),
    `prompt: ${stats.promptTokens} tokens, ${stats.cachedTokens} of them in the cache, in ${share(stats.prefillMs)}`,
    `decoding: ${share(decodeMs)}, of which ${share(stats.passMs)} in ${stats.passes} passes and ${share(stats.draftMs)} in drafting`,
  ];
  if (stats.num_drafts > 0) {
    const sources = Object.entries(stats.sources).map(
      ([name, { drafted, accepted }]) => `${name} ${accepted} of ${drafted}`,
    );
    lines.push(
      `drafts: ${stats.num_accepted_tokens} of ${stats.num_draft_tokens} tokens accepted (${sources.join(', ')}), ` +
        `${figure(stats.mean_acceptance_length)} tokens a drafted pass`,
    );
  }
  lines.push(`schedule: ${stats.schedule}`);
  if (stats.seed !== undefined) lines.push(`seed: ${stats.seed}`);
  return lines.join('\n');
}

/** How many threads a pass ran on, and why not on more where more were asked for. */
export function threadsLine({ threads, threadsNote }: Pick<Model, 'threads' | 'threadsNote'>): string {
  return `threads: ${threads}${threadsNote === undefined ? '' : `, as ${threadsNote}`}`;
}
