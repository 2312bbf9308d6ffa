/**
 * What does a draft model of another vocabulary cost besides its passes: comparing vocabularies once, and per step the text translated and a tree translated back?
 * Usage: node bench/vocabularies.ts [--rounds 50] [--out FILE]
 *
 * A step adds 3 tokens to a text of 1 000, 10 000 and 100 000 tokens. Tokenizers are the small ones of test/fixtures/tokenizers, and the embedded model's.
 */
import { sharedTokens } from '../src/draft/shared-tokens.ts';
import { treeByText } from '../src/draft/text-tree.ts';
import { TranslationByText } from '../src/draft/translation.ts';
import { median } from '../src/cli/statistics.ts';
import { figure } from '../src/cli/table.ts';
import { chain } from '../src/tree/draft-tree.ts';
import { type Name, tokenizer } from '../test/text/fixtures.ts';
import { lines } from '../test/text/lines.ts';
import { benchOptions, Report } from './shared/report.ts';

const options = benchOptions({ rounds: '50' });
const rounds = Number(options.rounds);
const report = new Report('vocabularies', 'What does a draft model of another vocabulary cost besides its passes?');

const PAIRS: readonly (readonly [target: Name, draft: Name])[] = [
  ['foretoken-code', 'gpt2'],
  ['gpt2', 'foretoken-code'],
  ['llama2', 'llama3'],
];
const HISTORIES = [1_000, 10_000, 100_000];
/** Tokens that a step adds, and tokens of a drafted path. */
const [ADDED, DRAFTED] = [3, 8];
const TEXT = lines(2024, 20_000)
  .map(({ text }) => text)
  .join('\n');

/** Microseconds. */
function time(count: number, run: (round: number) => unknown): number {
  return median(
    Array.from({ length: count }, (_, round) => {
      const start = performance.now();
      run(round);
      return 1000 * (performance.now() - start);
    }),
  );
}

const rows = PAIRS.map(([targetName, draftName]) => {
  const [target, draft] = [tokenizer(targetName), tokenizer(draftName)];
  const vocab = { draft: draft.vocab, target: target.vocab };
  const meeting = time(5, () => sharedTokens(draft, target, vocab));
  const shared = sharedTokens(draft, target, vocab);
  const tokens = Array.from(target.encode(TEXT));
  const steps = HISTORIES.map((length) => {
    const translation = new TranslationByText({ target, draft, shared });
    translation.translate(tokens.slice(0, length));
    const texts = Array.from({ length: rounds }, (_, round) => tokens.slice(0, length + ADDED * (round + 1)));
    if (texts.at(-1)!.length !== length + ADDED * rounds) throw new Error('the text is too short');
    return time(rounds, (round) => translation.translate(texts[round]!));
  });
  const own = draft.encode(TEXT.slice(0, 100_000));
  const back = time(rounds, (round) =>
    treeByText(chain(own.subarray(round * DRAFTED, (round + 1) * DRAFTED + 1)), 0, 64, { target, draft, shared }),
  );
  return [`${targetName}, draft model ${draftName}`, ...[meeting, ...steps, back].map(figure)];
});
report.table(`microseconds, medians of ${rounds}`, [
  ['vocabularies', 'compared, once', ...HISTORIES.map((length) => `step at ${length}`), `a path of ${DRAFTED} back`],
  ...rows,
]);

report.close(options.out);
