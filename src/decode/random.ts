/**
 * Random numbers by counter: the number at a position depends on the seed and that position alone, never on how it was reached.
 * @module
 */

const ROUNDS = 10;
/** Multipliers and key increments of Philox4x32. */
const MULTIPLIER_0 = 0xd2511f53;
const MULTIPLIER_1 = 0xcd9e8d57;
const WEYL_0 = 0x9e3779b9;
const WEYL_1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two unsigned 32-bit numbers, by 16-bit halves: no partial sum leaves 2^53. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const middle = aHigh * (b & 0xffff) + (((aLow * (b & 0xffff)) >>> 0) >>> 16);
  const cross = aLow * (b >>> 16) + (middle & 0xffff);
  return (aHigh * (b >>> 16) + Math.floor(middle / 65536) + Math.floor(cross / 65536)) >>> 0;
}

/**
 * Philox4x32-10, a bijection of a 128-bit counter under a 64-bit key.
 * Source: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", 2011.
 *
 * @param counter four unsigned 32-bit words
 * @param key     two unsigned 32-bit words
 * @returns four unsigned 32-bit words
 */
export function philox(counter: readonly number[], key: readonly number[]): number[] {
  let [c0, c1, c2, c3] = counter as [number, number, number, number];
  let [k0, k1] = key as [number, number];
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0);
    const high1 = multiplyHigh(MULTIPLIER_1, c2);
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0;
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + WEYL_0) >>> 0;
    k1 = (k1 + WEYL_1) >>> 0;
  }
  return [c0, c1, c2, c3];
}

/**
 * The random number that decides the token at a position.
 *
 * @param seed     integer, 0..2^53 - 1
 * @param position of the token to be drawn: the number of tokens before it, prompt included
 * @param draw     where a position takes several numbers, which of them
 * @param stream   0 decides tokens; drafters that sample have others (verify/chooser.ts)
 * @returns a multiple of 2^-53 in [0, 1)
 */
export function uniform(seed: number, position: number, draw = 0, stream = 0): number {
  const key = [seed >>> 0, Math.floor(seed / 4294967296)];
  const [first, second] = philox([position, draw, stream, 0], key) as [number, number];
  return ((first >>> 5) * 67108864 + (second >>> 6)) / 9007199254740992;
}
