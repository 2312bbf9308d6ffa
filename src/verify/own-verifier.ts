/**
 * Decoding by the target's own choice, where its logits are processed first. Greedy decoding follows the largest one; sampling the draw keyed by seed
 * and position. Plain decoding does the same.
 * @module
 */
import { LogitsProcessor, type SamplingSettings } from '../decode/sampling.ts';
import { exactMatch } from './exact-match.ts';
import { seedCoupled } from './seed-coupled.ts';
import type { Verifier } from './verifier.ts';

export function ownVerifier(sampling: SamplingSettings, seed: number, vocab: number): Verifier {
  const processor = new LogitsProcessor(vocab, sampling);
  return sampling.temperature > 0 ? seedCoupled(processor, seed) : exactMatch(processor);
}
