/**
 * What every test file imports: uvu's `suite` and `assert`, seeded randomness, bit comparison.
 * Every file ends with `test.run()`; the guard behind `npm test` fails a file that ran no test, or not all of its tests.
 * @module
 */
import { fileURLToPath } from 'node:url';
import { type Test, suite as uvuSuite } from 'uvu';

export * as assert from 'uvu/assert';

/** What uvu does not tell: scripts/lib/guard.mjs reads it from the last line of the process. */
const ledger = { registered: 0, skipped: [] as string[], only: [] as string[] };
process.on('exit', () => console.log(`#ledger ${JSON.stringify(ledger)}`));

/** A named group of tests; uvu's, with the ledger kept. */
export function suite<Context = Record<string, unknown>>(name?: string, context?: Context): Test<Context> {
  const inner = uvuSuite<Context>(name, context);
  const counted = ((title, handler) => {
    ledger.registered++;
    inner(title, handler);
  }) as Test<Context>;
  return Object.assign(counted, inner, {
    skip(title = '') {
      ledger.skipped.push(title);
      inner.skip(title);
    },
    only(title: string, handler: Parameters<Test<Context>>[1]) {
      ledger.only.push(title);
      inner.only(title, handler);
    },
  });
}

/** The tests of a file that needs no groups. */
export const test = suite();

/** Shows a line in the report of `npm test`, also when the test passes: a size, a count. */
export function note(text: string): void {
  console.log(`\n#note ${text}`);
}

/** Path of a file of the repository, whether the test runs as written or from build/. */
export function repositoryFile(path: string): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(path, new URL(here.includes('/build/test/') ? '../../' : '../', here)));
}

/** Small seeded generator (mulberry32): the same numbers on every runtime. @returns a function giving [0, 1) */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** An integer in 0..below - 1. */
export function randomInt(next: () => number, below: number): number {
  return Math.floor(next() * below);
}

/** (n,) f32 values, roughly normal with deviation `scale` (sum of four uniforms: no host Math function whose bits vary). */
export function randomFloats(next: () => number, n: number, scale = 1): Float32Array {
  return Float32Array.from({ length: n }, () => (next() + next() + next() + next() - 2) * 1.732 * scale);
}

/** Index of the first element whose bits differ, or -1. Compares f32 as Uint32. */
export function firstDifference(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Math.min(a.length, b.length);
  const x = new Uint32Array(a.buffer, a.byteOffset, a.length);
  const y = new Uint32Array(b.buffer, b.byteOffset, b.length);
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return i;
  return -1;
}
