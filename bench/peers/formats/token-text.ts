/**
 * Text of a token in the tokenizer of our GGUF files. Texts one after the other are read back as these tokens. llama.cpp looks for the first
 * 256 by these names: single bytes of text that no token covers.
 * @module
 */
export function tokenText(token: number): string {
  return token < 256 ? `<0x${token.toString(16).toUpperCase().padStart(2, '0')}>` : `<${token}>`;
}
