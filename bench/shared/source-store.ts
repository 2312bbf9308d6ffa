/**
 * A text that a user might draft from: the source of this repository, as a store.
 * @module
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore, StoreBuilder, type TextStore } from '../../src/drafters.ts';
import { repository } from './prompts.ts';

export async function sourceStore(encode: (text: string) => ArrayLike<number>, vocab: number): Promise<TextStore> {
  const builder = new StoreBuilder(vocab);
  for (const file of readdirSync(join(repository, 'src'), { recursive: true, encoding: 'utf8' }).sort()) {
    if (!file.endsWith('.ts') || file.includes('-binary')) continue;
    builder.add(encode(readFileSync(join(repository, 'src', file), 'utf8')));
    builder.endDocument();
  }
  return openStore(new Blob([...builder.pieces()].map((piece) => piece.slice())));
}
