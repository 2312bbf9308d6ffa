/**
 * `--show-drafts`: who said each token. In colours the text runs on as usual, and what was drafted in vain stands struck out where it was
 * rejected; without colours each pass is a line that names drafter, depth and rank of every drafted token it came to.
 *
 *   2  15 drafted  +" total" lookup 1.0  +" +" several 2.0  =" item"  -" value" lookup 3.0
 *
 * @module
 */
import type { DraftedNode, StepReport } from '../decode/step-report.ts';
import type { StreamingDetokenizer } from '../decode/output.ts';

/** Makes text of passes, in order. */
export interface DraftView {
  /** Says what the marks mean. */
  readonly legend: string;
  pass(step: StepReport): string;
  /** What is left to write behind the last pass. */
  end(): string;
}

/** What tokens look like. */
export interface TokenTexts {
  /** For the tokens of the output, in order: a character that is not complete waits for the token that completes it. */
  readonly stream: StreamingDetokenizer;
  /** A token by itself. */
  alone(token: number): string;
}

/** @param detokenizer of the model; undefined shows token ids */
export function tokenTexts(detokenizer: (() => StreamingDetokenizer) | undefined): TokenTexts {
  if (!detokenizer) return { stream: { push: (token) => `${token} `, flush: () => '' }, alone: String };
  return {
    stream: detokenizer(),
    alone(token) {
      const one = detokenizer();
      return one.push(token) + one.flush();
    },
  };
}

/** Select Graphic Rendition (ECMA-48): green; red and crossed out; cyan. */
const STYLES = { accepted: '32', rejected: '31;9', own: '36' } as const;

function paint(style: keyof typeof STYLES, text: string): string {
  return text === '' ? '' : `\x1b[${STYLES[style]}m${text}\x1b[0m`;
}

/** Running text. Of what was rejected in a place it shows what the drafters had put first. */
export function colouredDrafts({ stream, alone }: TokenTexts): DraftView {
  return {
    legend: `${paint('accepted', 'drafted and accepted')}  ${paint('rejected', 'drafted and rejected')}  ${paint('own', "the model's own")}`,
    pass({ accepted, rejected, emitted }) {
      const drafts = accepted.map(({ token }) => paint('accepted', stream.push(token)));
      const [vain] = rejected.filter(({ depth }) => depth === emitted.length);
      return [
        ...drafts,
        vain ? paint('rejected', visible(alone(vain.token))) : '',
        paint('own', stream.push(emitted[emitted.length - 1]!)),
      ].join('');
    },
    end: () => `${paint('own', stream.flush())}\n`,
  };
}

/** Most rejected tokens that a line names. */
const MOST_REJECTED = 4;

/** A line for each pass. */
export function listedDrafts({ alone }: TokenTexts): DraftView {
  let passes = 0;
  const told = (mark: string, { token, source, depth, rank }: DraftedNode) =>
    `${mark}${JSON.stringify(alone(token))} ${source} ${depth}.${rank}`;
  return {
    legend: `pass, tokens drafted, then each token: + drafted and accepted, = the model's own, - drafted and rejected, with drafter and depth.rank`,
    pass({ tree, accepted, rejected, emitted }) {
      const more = rejected.length - MOST_REJECTED;
      const parts = [
        `${++passes}`,
        `${tree.tokens.length - 1} drafted`,
        ...accepted.map((node) => told('+', node)),
        `=${JSON.stringify(alone(emitted[emitted.length - 1]!))}`,
        ...rejected.slice(0, MOST_REJECTED).map((node) => told('-', node)),
        ...(more > 0 ? [`(${more} more rejected)`] : []),
      ];
      return `${parts.join('  ')}\n`;
    },
    end: () => '',
  };
}

/** Line breaks and other control characters by their escapes, so that struck text stays in its line. */
function visible(text: string): string {
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll('\\\\', '\\');
}
