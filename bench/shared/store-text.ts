/**
 * Text by the megabyte, made of the held-out edits: their functions again and again, each time with other names, so that no two places are alike for long.
 * @module
 */
import { existsSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync, appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { generator } from '../../src/cli/statistics.ts';
import { StoreBuilder } from '../../src/store/build.ts';
import { heldOutEdits, repository } from './prompts.ts';

/** Share of the tokens that are replaced by another one of the text. */
const CHANGED = 0.05;

/**
 * Tokens of the functions, repeated with changes.
 * @param encode of the model
 * @param count  tokens
 */
export function madeTokens(encode: (text: string) => ArrayLike<number>, count: number, seed = 1): Int32Array {
  const base = Int32Array.from(
    encode(
      heldOutEdits()
        .map(({ before }) => before)
        .join('\n\n'),
    ),
  );
  const next = generator(seed);
  return Int32Array.from({ length: count }, (_, i) => {
    const at = next() < CHANGED ? Math.floor(next() * base.length) : i % base.length;
    return base[at]!;
  });
}

/** A store of so many megabytes of made text, built once. */
export function madeStore(
  encode: (text: string) => ArrayLike<number>,
  vocab: number,
  megabytes: number,
): { readonly path: string; readonly built: boolean } {
  const folder = join(repository, 'build/bench');
  const path = join(folder, `made-${vocab}-${megabytes}.store`);
  if (existsSync(path)) return { path, built: false };
  mkdirSync(folder, { recursive: true });
  const sample = heldOutEdits()
    .map(({ before }) => before)
    .join('\n\n');
  const bytesPerToken = new TextEncoder().encode(sample).length / encode(sample).length;
  const tokens = Math.round((megabytes * 1e6) / bytesPerToken);
  const builder = new StoreBuilder(vocab);
  // Document after document, as no machine need hold all of it twice.
  for (let done = 0, seed = 1; done < tokens; seed++) {
    const document = madeTokens(encode, Math.min(100_000, tokens - done), seed);
    builder.add(document);
    builder.endDocument();
    done += document.length;
  }
  const part = `${path}.part`;
  rmSync(part, { force: true });
  writeFileSync(part, '');
  for (const piece of builder.pieces((sorted, all) => process.stderr.write(`\rsorting, ${sorted} of ${all} places`))) {
    appendFileSync(part, piece);
  }
  process.stderr.write(`\r${path}: ${statSync(part).size} bytes\n`);
  renameSync(part, path);
  return { path, built: true };
}
