/**
 * Long texts that tokenizers may be slow with: proofs and the benchmark of tokenizers share them.
 * @module
 */
import { random, randomInt } from '../numbers.ts';

/** Characters of each. */
export const LENGTH = 100_000;
export const repeated = (part: string): string => part.repeat(Math.ceil(LENGTH / part.length)).slice(0, LENGTH);

const next = random(1);
export const RUNS: readonly (readonly [string, string])[] = [
  ['one letter', repeated('a')],
  ['two letters', repeated('ab')],
  ['random letters', Array.from({ length: LENGTH }, () => 'etaoinshr'[randomInt(next, 9)]).join('')],
  ['spaces', repeated(' ')],
  ['line ends', repeated('\n')],
  ['spaces and line ends', repeated(' \n')],
  ['apostrophes', repeated("'")],
  ['digits', repeated('1')],
  ['combining marks', repeated('e\u0301')],
  ['marks out of order', `a${repeated('\u0301\u0323')}`],
  ['marks that are made of marks', `\u0f40${repeated('\u0f73')}`],
  ['emoji', repeated('👨‍👩‍👧')],
  ['unpaired surrogates', repeated('\ud800')],
  ['almost a special token', repeated('<|endoftext|')],
];
