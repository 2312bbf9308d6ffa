/**
 * Stores in memory for tests, and what a search in them should find, by looking at every place.
 * @module
 */
import type { ByteSource } from '../../src/formats/byte-source.ts';
import { StoreBuilder } from '../../src/store/build.ts';
import { random, randomInt } from '../numbers.ts';

/** The file of some documents. */
export function storeOf(
  documents: readonly (readonly number[])[],
  vocab: number,
  part?: number,
): Uint8Array<ArrayBuffer> {
  const builder = new StoreBuilder(vocab, part === undefined ? {} : { part });
  for (const document of documents) {
    builder.add(document);
    builder.endDocument();
  }
  const pieces = [...builder.pieces()].map((piece) => piece.slice());
  const file = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    file.set(piece, at);
    at += piece.length;
  }
  return file;
}

export function randomDocuments(seed: number, count: number, longest: number, vocab: number): number[][] {
  const next = random(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: randomInt(next, longest + 1) }, () => randomInt(next, vocab)),
  );
}

/** The longest end of a text, of 16 tokens at most, with something after it in one of the documents; and all that comes after it, 10 tokens at most. */
export function scan(
  documents: readonly (readonly number[])[],
  text: readonly number[],
): { length: number; texts: string[] } {
  for (let length = Math.min(16, text.length); length > 0; length--) {
    const end = text.slice(-length).join();
    const texts = documents.flatMap((document) =>
      document.flatMap((_, place) =>
        place >= length && document.slice(place - length, place).join() === end
          ? [document.slice(place, place + 10).join()]
          : [],
      ),
    );
    if (texts.length > 0) return { length, texts };
  }
  return { length: 0, texts: [] };
}

/** A source that gives its bytes later, and counts what it was asked for. */
export function slowSource(bytes: Uint8Array): ByteSource & { readonly reads: { offset: number; length: number }[] } {
  const reads: { offset: number; length: number }[] = [];
  return {
    name: 'slow',
    size: bytes.length,
    reads,
    async read(offset, length) {
      reads.push({ offset, length });
      await new Promise((resolve) => setTimeout(resolve, 0));
      return bytes.slice(offset, offset + length);
    },
  };
}
