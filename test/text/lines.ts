/**
 * Lines of mixed text for the tokenizer tests: the same on every runtime for the same seed.
 * @module
 */
import { random, randomInt } from '../numbers.ts';

type Next = () => number;

const pick = <T>(next: Next, from: readonly T[]): T => from[randomInt(next, from.length)]!;
const times = (next: Next, low: number, high: number, make: () => string, separator = ''): string =>
  Array.from({ length: low + randomInt(next, high - low + 1) }, make).join(separator);

const NAMES =
  'value index result nextToken getElementById HTMLParser snake_case_name MAX_SIZE x1 _private $el isReady'.split(' ');
const CODE = [
  (n: Next) => `const ${pick(n, NAMES)} = ${number(n)};`,
  (n: Next) =>
    `${' '.repeat(2 * randomInt(n, 9))}if (${pick(n, NAMES)} !== ${pick(n, NAMES)}) return "${pick(n, NAMES)}";`,
  (n: Next) => `${'\t'.repeat(randomInt(n, 6))}for (let i = 0; i < ${pick(n, NAMES)}.length; i++) {`,
  (n: Next) => `}${')'.repeat(randomInt(n, 4))};${'\n'.repeat(randomInt(n, 3))}`,
  (n: Next) =>
    `/** @param {${pick(n, NAMES)}} ${pick(n, NAMES)} - it's ${number(n)}% of what we'd've expected, they'll say. */`,
  (n: Next) =>
    `\`\${${pick(n, NAMES)}}\` => /[^\\s${number(n)}]+?/gu.test('${pick(n, NAMES)}') && ${number(n)}e-${number(n)}`,
  (n: Next) => `<div class="${pick(n, NAMES)}">${pick(n, NAMES)} &amp; ${number(n)}</div><!-- ${pick(n, NAMES)} -->`,
];

const PROSE = [
  "The quick brown fox doesn't jump; it's 3.14 o'clock and I'll wait. WE'RE LATE, SHE'D SAID, THEY'VE LEFT.",
  'Große Straße, Übermut tut selten gut: „Fünf“ — naïve café à la crème brûlée, œuvre, garçon, señor, ¿qué? ¡no!',
  'Съешь же ещё этих мягких французских булок, да выпей чаю. Ёлка стоит 1234567 рублей.',
  'Ξεσκεπάζω την ψυχοφθόρα βδελυγμία· τί ἐστιν ἀλήθεια;',
  'نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر ٠١٢٣٤٥٦٧٨٩',
  'עטלף אבק נס דרך מזגן שהתפוצץ כי חם בְּרֵאשִׁית',
  'ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश १२३',
  'เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน ๑๒๓',
  '我能吞下玻璃而不伤身体。私はガラスを食べられます。それは私を傷つけません。㊀㊁Ⅷ',
  '나는 유리를 먹을 수 있어요. 그래도 아프지 않아요.',
  'მინას ვჭამ და არა მტკივა. Ես կրնամ ապակի ուտել։ አይተዳደርም ጉድ ነው።',
  'Tôi có thể ăn thủy tinh mà không hại gì. Mogę jeść szkło i mi nie szkodzi. Þriðja ðag.',
];

const EMOJI = ['😀', '👨‍👩‍👧‍👦', '👩🏽‍💻', '🏳️‍🌈', '❤️', '🇩🇪🇯🇵', '1️⃣', '🫠', '☕︎', '\u{1f9d1}\u200d\u{1f680}', '♟️'];
const MARKS = ['\u0301', '\u0308', '\u0323', '\u20dd', '\u093f', '\u0e31', '\ufe0f', '\u200d', '\u064b'];
const SPACES = [
  ' ',
  '  ',
  '\t',
  '\n',
  '\r\n',
  '\r',
  '\u00a0',
  '\u2003',
  '\u3000',
  '\u2028',
  '\v',
  '\f',
  '\u1680',
  '\u202f',
];
/** White space and letters on which regular expression engines differ: NEL, the byte order mark, long s. */
const DISPUTED = ['\u0085', '\ufeff', "'ſ", "o'ſt", '\u180e', '\u200b'];
const SPECIAL = ['<|endoftext|>', '<|begin|>', '<tool>', '<|im start|>', '<mask>', '<|endoftext', '|>', '<é>'];

/** Blocks whose letters and numbers have been settled for long: hosts with older or newer Unicode agree on them. */
const BLOCKS: readonly (readonly [number, number])[] = [
  [0x00, 0x7f],
  [0x80, 0x24f],
  [0x300, 0x36f],
  [0x391, 0x3ce],
  [0x400, 0x481],
  [0x5d0, 0x5ea],
  [0x660, 0x66d],
  [0x905, 0x939],
  [0x966, 0x96f],
  [0xe01, 0xe3a],
  [0x1200, 0x1248],
  [0x2000, 0x2064],
  [0x2070, 0x2071],
  [0x2100, 0x218a],
  [0x2460, 0x2b00],
  [0x3000, 0x303f],
  [0x3041, 0x3096],
  [0x4e00, 0x9fa5],
  [0xac00, 0xd7a3],
  [0xe000, 0xf8ff],
  [0xff00, 0xffef],
  [0x10330, 0x1034a],
  [0x12400, 0x1246e],
  [0x1d400, 0x1d454],
  [0x1d7ce, 0x1d7ff],
  [0x1f300, 0x1f5ff],
  [0xe0020, 0xe007f],
];

function number(next: Next): string {
  return times(next, 1, 9, () => String(randomInt(next, 10)));
}

function sentence(next: Next): string {
  const words = pick(next, PROSE).split(' ');
  const start = randomInt(next, words.length);
  return words.slice(start, start + 2 + randomInt(next, 9)).join(' ');
}

function character(next: Next): string {
  const [low, high] = pick(next, BLOCKS);
  return String.fromCodePoint(low + randomInt(next, high - low + 1));
}

/** What a line may be; each takes one seeded source of randomness. */
export const FAMILIES: Readonly<Record<string, (next: Next) => string>> = {
  code: (next) => pick(next, CODE)(next),
  prose: sentence,
  characters: (next) => times(next, 1, 24, () => character(next)),
  emoji: (next) => times(next, 1, 6, () => pick(next, EMOJI) + pick(next, ['', ' ', 'a', "'s"])),
  marks: (next) =>
    times(
      next,
      1,
      9,
      () => pick(next, ['e', 'q', ' ', 'а', 'ก', '1', '']) + times(next, 0, 3, () => pick(next, MARKS)),
    ),
  numbers: (next) =>
    times(
      next,
      1,
      5,
      () => pick(next, ['', '-', '٣', '½', 'Ⅷ', '５', '१२', '$']) + number(next),
      pick(next, [' ', '.', ',']),
    ),
  space: (next) =>
    times(next, 1, 7, () => pick(next, SPACES).repeat(1 + randomInt(next, 40)) + pick(next, ['', 'a', '1', '{', "'s"])),
  quotes: (next) =>
    times(next, 1, 8, () => pick(next, ["'", "''", '’', "'S", "'rE", "'LL", "'x", "'ve", "'", 'it', ' '])),
  special: (next) => times(next, 1, 5, () => pick(next, SPECIAL), pick(next, ['', ' ', '\n', ' a ', '  '])),
  control: (next) =>
    times(next, 1, 12, () =>
      String.fromCharCode(randomInt(next, 32) + 128 * randomInt(next, 2)).replace('\x85', '\x7f'),
    ),
  surrogates: (next) => times(next, 1, 6, () => pick(next, ['\ud83d', '\ude00', '😀', 'a', ' ', '\udfff\ud800'])),
  disputed: (next) => times(next, 1, 6, () => pick(next, DISPUTED) + pick(next, ['', ' ', 'a', '\n', "'S"])),
  runs: (next) => character(next).repeat(1 + randomInt(next, 90)),
};

export interface Line {
  readonly family: string;
  readonly text: string;
}

/** `count` lines, the families in turn. */
export function lines(seed: number, count: number): Line[] {
  const next = random(seed);
  const families = Object.keys(FAMILIES);
  return Array.from({ length: count }, (_, i) => {
    const family = families[i % families.length]!;
    return { family, text: FAMILIES[family]!(next) };
  });
}

/** The 10,000 lines whose tokens test/fixtures/tokenizers/answers.json knows, by family; unpaired surrogates as U+FFFD. */
export function knownLines(): Record<string, string[]> {
  const families: Record<string, string[]> = {};
  for (const { family, text } of lines(2024, 10_000)) (families[family] ??= []).push(wellFormed(text));
  return families;
}

/** A text as TextEncoder sees it. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}
