/**
 * `foretoken index`: a store of text, to draft from.
 * @module
 */
import { createReadStream } from 'node:fs';
import { ForetokenError, quote } from '../errors.ts';
import { openModel, readTokenizer } from '../load.ts';
import { StoreBuilder } from '../store/build.ts';
import type { TextTokenizer } from '../text/text-tokenizer.ts';
import { command } from './command.ts';
import { DEFAULT_MODEL, MODEL_OPTIONS } from './model.ts';
import { bytesText } from './table.ts';
import { expectNothing, writeFile } from './write-file.ts';

/** Characters that are tokenised at once, and most of them where no line ends. */
const PIECE = 2 ** 16;
const LONGEST_PIECE = 2 ** 20;
const MOST_FILES = 2 ** 16;

export const indexCommand = command({
  name: 'index',
  summary: 'writes a store of text, to draft from',
  usage: 'FILES --out STORE [OPTIONS]',
  options: {
    out: { kind: 'text', value: 'STORE', help: 'the file to write; nothing that exists is written over' },
    model: MODEL_OPTIONS.model,
  },
  positionals: MOST_FILES,
  notes: `Each of FILES is a document, in UTF-8. A store serves the models that have the same tokenizer as this one.
It takes about 6 bytes for each token, and building it about 10; 100 MB of text fit in 300 MB of memory.

  foretoken index notes/*.md --out notes.store
  foretoken generate --file prompt.txt --store notes.store`,
  async run({ options: { out, model = DEFAULT_MODEL }, positionals: files }, terminal) {
    if (out === undefined) throw new ForetokenError('usage.option', '--out: give the file to write');
    if (files.length === 0) throw new ForetokenError('usage.argument', 'expected files of text');
    await expectNothing(out);
    const { tokenizer, vocab } = await tokenizerOf(model, terminal.signal);
    const builder = new StoreBuilder(vocab);
    let read = 0;
    for (const file of files) {
      for await (const piece of pieces(file, terminal.signal)) {
        builder.add(tokenizer.encode(piece));
        read += piece.length;
        terminal.status(() => `reading, ${bytesText(read)}`);
      }
      builder.endDocument();
    }
    const { tokens } = builder;
    const sorted = builder.pieces((done, total) => terminal.status(() => `sorting, ${done} of ${total} places`));
    await writeFile(out, sorted, terminal);
    await terminal.write(`${out}: ${tokens} tokens of ${files.length === 1 ? 'one file' : `${files.length} files`}\n`);
  },
});

async function tokenizerOf(name: string, signal: AbortSignal): Promise<{ tokenizer: TextTokenizer; vocab: number }> {
  const model = await openModel(name, signal);
  try {
    const tokenizer = await readTokenizer(model);
    if (tokenizer) return { tokenizer, vocab: model.config.vocab };
    throw new ForetokenError('prompt.tokenizer', 'this model has no tokenizer: text cannot become tokens');
  } finally {
    model.close();
  }
}

/**
 * A file in pieces of whole lines, so that a file of any size is read with little memory. Where two pieces meet, the tokens may be others than those of the
 * whole: a line's end, with what comes before the next line's first word.
 *
 * @throws {ForetokenError} `source.read`, `store.text` for what is not UTF-8
 */
async function* pieces(path: string, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let text = '';
  try {
    for await (const chunk of createReadStream(path, { signal })) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.length < PIECE) continue;
      const end = cutAt(text);
      if (end === 0) continue;
      yield text.slice(0, end);
      text = text.slice(end);
    }
    text += decoder.decode();
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof ForetokenError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (cause instanceof TypeError) throw new ForetokenError('store.text', `${quote(path)} is not UTF-8`, { cause });
    throw new ForetokenError('source.read', `${quote(path)} could not be read: ${code}`, { cause });
  }
  if (text !== '') yield text;
}

/** Behind the last line's end; 0 where there is none yet. A very long line is cut between two characters. */
function cutAt(text: string): number {
  const end = text.lastIndexOf('\n') + 1;
  if (end > 0 || text.length < LONGEST_PIECE) return end;
  return /[\ud800-\udbff]/.test(text.at(-1)!) ? text.length - 1 : text.length;
}
