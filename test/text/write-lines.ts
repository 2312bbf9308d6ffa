/**
 * Writes the lines of the tokenizer tests by family, unpaired surrogates as U+FFFD: input of test/fixtures/tokenizers/make.py.
 * Usage: node test/text/write-lines.ts PATH
 */
import { writeFileSync } from 'node:fs';
import { knownLines } from './lines.ts';

writeFileSync(process.argv[2]!, JSON.stringify(knownLines()));
