/**
 * Medusa: every head reads the hidden state alone, and knows nothing of what the others have guessed.
 * Source: Cai et al., 2024, arXiv 2401.10774, section 2.1 (Medusa-1).
 * @module
 */
import type { HeadInput } from './head.ts';

export const medusa: HeadInput = {
  isIndependent: true,
  mlpOf: (level) => level,
  write(passes, hidden, level) {
    passes.input(level, 0).set(hidden);
  },
};
