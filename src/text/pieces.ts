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

/** The characters of a piece as tokens. */
export function symbolsOf(piece: string, { pieces, bytes, unknown, fuseUnknown }: Alphabet): Int32Array {
  const ids: number[] = [];
  let wasUnknown = false;
  for (const character of piece) {
    const id = pieces.get(character);
    const spelled = id === undefined ? Array.from(new TextEncoder().encode(character), (byte) => bytes[byte]!) : [id];
    const isUnknown = spelled.includes(-1);
    if (!isUnknown) ids.push(...spelled);
    else if (unknown >= 0 && !(wasUnknown && fuseUnknown)) ids.push(unknown);
    wasUnknown = isUnknown;
  }
  return Int32Array.from(ids);
}
