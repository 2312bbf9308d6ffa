/**
 * How long do 10^5 characters take, of ordinary text and of the worst there is, with each kind of tokenizer?
 * Usage: node bench/tokenizers.ts [--rounds 5] [--peer yes] [--out FILE]
 *
 * The tokenizers are the small ones of test/fixtures/tokenizers, and the embedded model's; texts those of the proofs. `@huggingface/tokenizers` reads the same
 * files. It is given a tenth of each text, since with some it takes the square of the length.
 */
import { Tokenizer as Peer } from '@huggingface/tokenizers';
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { NAMES, type Name, tokenizer, tokenizerFile } from '../test/text/fixtures.ts';
import { lines } from '../test/text/lines.ts';
import { LENGTH, RUNS } from '../test/text/runs.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({ rounds: '5', peer: 'yes' });
const rounds = Number(options.rounds);
const report = new Report('tokenizers', 'How long do 10^5 characters take with each kind of tokenizer?');

/** Milliseconds. */
function time(run: () => unknown): number {
  return median(
    Array.from({ length: rounds }, () => {
      const start = performance.now();
      run();
      return performance.now() - start;
    }),
  );
}

const mixed = lines(2024, 6000)
  .map(({ text }) => text)
  .join('\n')
  .slice(0, LENGTH);
const PART = LENGTH / 10;
const TEXTS = [['mixed lines', mixed] as const, ...RUNS];

function peerOf(name: Name): Peer {
  const file = JSON.parse(new TextDecoder().decode(tokenizerFile(name)));
  return new Peer({ ...file, model: { type: 'BPE', ...file.model } }, {});
}

const rows: string[][] = [];
for (const name of NAMES) {
  const of = tokenizer(name); // short words are kept from round to round, as in use
  const peer = options.peer === 'yes' ? peerOf(name) : undefined;
  let [slowest, worst] = ['', 0];
  let [ordinary, peerOrdinary, peerWorst] = [0, 0, 0];
  for (const [title, text] of TEXTS) {
    const ours = time(() => of.encode(text));
    const tenth = text.slice(0, PART);
    const theirs = peer ? time(() => peer.encode(tenth, { add_special_tokens: false })) : 0;
    if (text === mixed) [ordinary, peerOrdinary] = [ours, theirs];
    else if (ours > worst) [slowest, worst] = [title, ours];
    if (text !== mixed) peerWorst = Math.max(peerWorst, theirs);
  }
  rows.push([
    name,
    ...[ordinary, worst].map(figure),
    slowest,
    ...[peerOrdinary, peerWorst].map((ms) => (peer ? figure(ms) : '')),
  ]);
}
report.table(`milliseconds, medians of ${rounds}; the peer's for a tenth of the text`, [
  ['tokenizer', 'mixed lines', 'slowest run', 'which', 'peer, mixed / 10', 'peer, slowest / 10'],
  ...rows,
]);
report.close(options.out);
