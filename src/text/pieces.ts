/**
 * Characters as tokens: what merging starts from in the BPE of SentencePiece. A character without a token is spelled in those of its bytes,
 * `<0xE2>`, or is unknown.
 * @module
 */

/** Stands for a space. */
export const SPACE = '▁';

/** The byte that a token spells, as `<0xE2>`. */
export function byteOf(token: string): number | undefined {
  const [, digits] = /^<0x([0-9A-Fa-f]{2})>$/.exec(token) ?? [];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

export interface Alphabet {
  /** Ids by their text. */
  readonly pieces: ReadonlyMap<string, number>;
  /** (256,) the token of each byte; -1 where there is none. */
  readonly bytes: Int32Array;
  /** -1: unknown characters are dropped. */
  readonly unknown: number;
  /** Neighbours that are unknown are one token. */
  readonly fuseUnknown: boolean;
}

const encoder = new TextEncoder();
/** Bytes of one character, the longest of which has four. */
const encoded = new Uint8Array(4);

/** The characters of a piece as tokens. */
export function symbolsOf(piece: string, { pieces, bytes, unknown, fuseUnknown }: Alphabet): Int32Array {
  // A character has at most a token for each of its bytes, of which no UTF-16 unit takes more than three.
  const ids = new Int32Array(3 * piece.length);
  let length = 0;
  let wasUnknown = false;
  for (const character of piece) {
    const start = length;
    const id = pieces.get(character);
    let isUnknown = false;
    if (id !== undefined) ids[length++] = id;
    else {
      const { written } = encoder.encodeInto(character, encoded);
      for (let i = 0; i < written; i++) {
        const byte = bytes[encoded[i]!]!;
        ids[length++] = byte;
        isUnknown ||= byte < 0;
      }
    }
    if (isUnknown) {
      length = start;
      if (unknown >= 0 && !(wasUnknown && fuseUnknown)) ids[length++] = unknown;
    }
    wasUnknown = isUnknown;
  }
  return ids.slice(0, length);
}
