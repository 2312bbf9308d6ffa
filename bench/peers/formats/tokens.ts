/**
 * Tokenizers of GGUF files for llama.cpp, which node-llama-cpp takes none without. One is the least that loads: every token is one of the user's own, so
 * prompts can be given as text to a library that takes nothing else, and output can be read back.
 * @module
 */
import type { Pair } from '../../../src/formats/gguf-writer.ts';
import { TOKEN_TYPE } from '../../../src/text/gguf-tokenizer.ts';
import { tokenText } from './token-text.ts';

/** The same for fewer than 256 tokens, where the other kind misses bytes: what text comes to does not matter. */
export function fewTokenPairs(vocab: number): Pair[] {
  return [
    ['tokenizer.ggml.model', 'gpt2'],
    ['tokenizer.ggml.pre', 'gpt-2'],
    ['tokenizer.ggml.tokens', { texts: Array.from({ length: vocab }, (_, token) => tokenText(token)) }],
    ['tokenizer.ggml.token_type', { i32s: new Int32Array(vocab).fill(TOKEN_TYPE.normal) }],
    ['tokenizer.ggml.merges', { texts: [] }],
    ['tokenizer.ggml.add_bos_token', false],
  ];
}

/** What the metadata say of a tokenizer of so many tokens, 256 at least. */
export function tokenPairs(vocab: number): Pair[] {
  return [
    ['tokenizer.ggml.model', 'llama'],
    ['tokenizer.ggml.tokens', { texts: Array.from({ length: vocab }, (_, token) => tokenText(token)) }],
    ['tokenizer.ggml.scores', { f32s: new Float32Array(vocab) }],
    ['tokenizer.ggml.token_type', { i32s: new Int32Array(vocab).fill(TOKEN_TYPE.userDefined) }],
    ['tokenizer.ggml.add_bos_token', false],
    ['tokenizer.ggml.add_eos_token', false],
    ['tokenizer.ggml.add_space_prefix', false],
  ];
}
