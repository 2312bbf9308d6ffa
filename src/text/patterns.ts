/**
 * The regular expressions that files cut texts by, word for word. None is ever run: splitter.ts has a scanner for each.
 * @module
 */

/** GPT-2. */
export const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** The pattern of Llama 3 (numbers in groups of three) and Qwen 2 (digit by digit). @param number the pattern of a piece of a number */
export const llama3 = (number: string): string =>
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" +
  `${number}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
