/**
 * Pre-tokenisation: text is cut into pieces, and byte pairs are merged within a piece only.
 *
 * Files state their cuts as regular expressions. None is ever run: the ones in use are known by their exact text, and each has a
 * scanner here that takes linear time and reads our own Unicode tables. Anything else is refused by name.
 * @module
 */
import type { Fields } from '../formats/fields.ts';
import { GPT2, llama3 } from './patterns.ts';
import { endOfRun, kindAt, LETTER, NUMBER, OTHER, SPACE } from './unicode.ts';

/**
 * Hands every piece of a part of a text, in order, to `visit`. Joined, the pieces are the part, but for a space put in front of some.
 * `isFirst`: nothing of the text comes before this part.
 */
export type Splitter = (part: string, visit: (piece: string) => void, isFirst: boolean) => void;

/** Where the piece that starts at `start`, a UTF-16 index before the end, ends; `start` < end. */
type Scanner = (text: string, start: number) => number;

const isNewline = (character: string | undefined): boolean => character === '\n' || character === '\r';

/** End of an English contraction such as 's or 're at `start`, or 0. Case folding takes ſ (U+017F) for s, as Oniguruma does. */
function contractionEnd(text: string, start: number, foldCase: boolean): number {
  if (text[start] !== "'") return 0;
  let letters = text.slice(start + 1, start + 3);
  if (foldCase) letters = letters.toLowerCase().replace('ſ', 's');
  if (/^[stmd]/.test(letters)) return start + 2;
  return /^(re|ve|ll)/.test(letters) ? start + 3 : 0;
}

/** `\s+(?!\S)|\s+`: white space up to the last one before a word, all of it at the end of the text; never less than one. */
function spaceEnd(text: string, start: number): number {
  const end = endOfRun(text, start, SPACE);
  return end === text.length || end === start + 1 ? end : end - 1;
}

const scanGpt2: Scanner = (text, start) => {
  const contraction = contractionEnd(text, start, false);
  if (contraction !== 0) return contraction;
  const word = text[start] === ' ' ? start + 1 : start;
  const kind = kindAt(text, word) & (LETTER | NUMBER | OTHER);
  return kind === 0 ? spaceEnd(text, start) : endOfRun(text, word, kind);
};

const scanLlama3 =
  (digits: number): Scanner =>
  (text, start) => {
    const contraction = contractionEnd(text, start, true);
    if (contraction !== 0) return contraction;
    const kind = kindAt(text, start);
    if (kind === NUMBER) return endOfRun(text, start, NUMBER, digits);

    // [^\r\n\p{L}\p{N}]?\p{L}+ : one character of any other kind may lead a word.
    const mayLead = kind !== LETTER && !isNewline(text[start]);
    const second = mayLead ? endOfRun(text, start, kind, 1) : start;
    if (kindAt(text, second) === LETTER) return endOfRun(text, second, LETTER);

    // ` ?[^\s\p{L}\p{N}]+[\r\n]*` : symbols, a space before them and the line ends after them.
    const symbols = text[start] === ' ' ? second : start;
    if (kindAt(text, symbols) === OTHER) {
      let end = endOfRun(text, symbols, OTHER);
      while (isNewline(text[end])) end++;
      return end;
    }

    // \s*[\r\n]+ : white space up to its last line end, where it has one.
    let end = endOfRun(text, start, SPACE);
    while (end > start && !isNewline(text[end - 1])) end--;
    return end > start ? end : spaceEnd(text, start);
  };

/** The reference's `Digits` reads a newer Unicode than its patterns: 13 numbers that Unicode 17 added are none here. */
const scanDigits =
  (individual: boolean): Scanner =>
  (text, start) => {
    const isNumber = kindAt(text, start) === NUMBER;
    if (!isNumber) return endOfRun(text, start, LETTER | OTHER | SPACE);
    return endOfRun(text, start, NUMBER, individual ? 1 : undefined);
  };

const PATTERNS: ReadonlyMap<string, Scanner> = new Map([
  [GPT2, scanGpt2],
  [llama3('\\p{N}{1,3}'), scanLlama3(3)],
  [llama3('\\p{N}'), scanLlama3(1)],
]);

function pieces(scan: Scanner): Splitter {
  return (text, visit) => {
    for (let start = 0; start < text.length; ) {
      const end = scan(text, start);
      visit(text.slice(start, end));
      start = end;
    }
  };
}

export const whole: Splitter = (text, visit) => visit(text);
const withPrefixSpace: Splitter = (text, visit) => visit(text.startsWith(' ') ? text : ` ${text}`);

export function inOrder(first: Splitter, second: Splitter): Splitter {
  if (first === whole) return second;
  if (second === whole) return first;
  return (text, visit, isFirst) => first(text, (piece) => second(piece, visit, isFirst), isFirst);
}

/**
 * The splitter that a `pre_tokenizer` of tokenizer.json describes: `ByteLevel`, or a `Sequence` of `Split` and `Digits` that ends with it.
 *
 * @throws {ForetokenError} `tokenizer.missing`, `tokenizer.type`; `tokenizer.unsupported` for a type, a pattern or an order that is not known
 */
export function readSplitter(preTokenizer: Fields): Splitter {
  const isSequence = preTokenizer.string('type') === 'Sequence';
  const stages = isSequence ? preTokenizer.children('pretokenizers') : [preTokenizer];
  const last = stages.at(-1);
  if (last?.string('type') !== 'ByteLevel') {
    throw (last ?? preTokenizer).unsupported('type', '"ByteLevel" at the end');
  }
  return stages.slice(0, -1).map(readStage).concat(readByteLevel(last)).reduce(inOrder, whole);
}

function readStage(stage: Fields): Splitter {
  switch (stage.string('type')) {
    case 'Split':
      return readSplit(stage);
    case 'Digits':
      return pieces(scanDigits(stage.boolean('individual_digits', false)));
    default:
      throw stage.unsupported('type', '"Split" or "Digits" before a last "ByteLevel"');
  }
}

function readByteLevel(stage: Fields): Splitter {
  const prefix = stage.boolean('add_prefix_space', true) ? withPrefixSpace : whole;
  return inOrder(prefix, stage.boolean('use_regex', true) ? pieces(scanGpt2) : whole);
}

/** Every known pattern matches at every place, so keeping the matches only (`Removed`, inverted) is the same as cutting around them. */
function readSplit(stage: Fields): Splitter {
  const behavior = stage.string('behavior');
  const inverted = stage.boolean('invert', false);
  if (behavior !== 'Isolated' && !(behavior === 'Removed' && inverted)) {
    throw stage.unsupported('behavior', '"Isolated", or "Removed" with "invert"');
  }
  const regex = stage.map('pattern').get('Regex');
  const scan = typeof regex === 'string' ? PATTERNS.get(regex) : undefined;
  if (scan === undefined) throw stage.child('pattern')!.unsupported('Regex', 'the pattern of GPT-2, Llama 3 or Qwen 2');
  return pieces(scan);
}
