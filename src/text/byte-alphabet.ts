/**
 * The byte alphabet of GPT-2: how a vocabulary spells bytes as printable characters, one character a byte.
 *
 * Printable Latin-1 bytes (33..126, 161..172, 174..255) are themselves; the other 68 are 256, 257 ... in their order. So a space is "Ġ".
 * Source: Radford et al., 2019, and `ByteLevel` of Hugging Face tokenizers.
 * @module
 */

function isPrintable(byte: number): boolean {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
}

/** (256,) the character of each byte. */
export const CHARACTERS: readonly string[] = (() => {
  let others = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isPrintable(byte) ? byte : others++));
})();

const BYTES: ReadonlyMap<string, number> = new Map(CHARACTERS.map((character, byte) => [character, byte]));

/** Bytes as the characters of the alphabet. */
export function spell(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += CHARACTERS[byte];
  return text;
}

/** The bytes that a spelling stands for; undefined when a character is not of the alphabet. */
export function unspell(spelling: string): Uint8Array | undefined {
  const bytes = new Uint8Array(spelling.length);
  for (let i = 0; i < bytes.length; i++) {
    const byte = BYTES.get(spelling[i]!);
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
