/**
 * What templates ask of Python, where it differs from JavaScript: the reference renders them with it.
 * @module
 */

/** What `str.strip` takes away: `str.isspace` of Unicode. U+FEFF is not among it, unlike in JavaScript; U+001C to U+001F and U+0085 are. */
const SPACES = '\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
const LEADING = new RegExp(`^[${SPACES}]+`);
const ALL_SPACES = new RegExp(`[${SPACES}]`);

/** `text.strip()`. */
export function strip(text: string): string {
  return rstrip(text.replace(LEADING, ''));
}

/** `text.rstrip()`; a loop, since a regular expression that ends in `+$` is quadratic. */
export function rstrip(text: string): string {
  let end = text.length;
  while (end > 0 && ALL_SPACES.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

/** `text.lstrip('\n')`. */
export function lstripLines(text: string): string {
  return text.replace(/^\n+/, '');
}

/** `text.rstrip('\n')`. */
export function rstripLines(text: string): string {
  let end = text.length;
  while (text[end - 1] === '\n') end--;
  return text.slice(0, end);
}

/**
 * `json.dumps(value, ensure_ascii=False, indent=indent)`: spaces after commas and colons.
 * Numbers are JavaScript's: 1.0 is printed as 1, since they are one number here.
 */
export function toJson(value: unknown, indent?: number): string {
  return print(value, indent, '\n');
}

function print(value: unknown, indent: number | undefined, line: string): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const isList = Array.isArray(value);
  const inner = indent === undefined ? '' : line + ' '.repeat(indent);
  const items = isList
    ? value.map((item) => print(item, indent, inner))
    : Object.entries(value)
        .filter(([, item]) => item !== undefined)
        .map(([name, item]) => `${JSON.stringify(name)}: ${print(item, indent, inner)}`);
  const [open, close] = isList ? '[]' : '{}';
  if (items.length === 0) return `${open}${close}`;
  if (indent === undefined) return `${open}${items.join(', ')}${close}`;
  return `${open}${inner}${items.join(`,${inner}`)}${line}${close}`;
}

/** `repr(value)`, of what JSON can say. Which characters are printable is this host's Unicode to say, in the place of that version's of Python. */
export function toPython(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : fraction(value);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value !== 'object' || value === null) return 'None';
  if (Array.isArray(value)) return `[${value.map(toPython).join(', ')}]`;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries.map(([name, item]) => `${quoted(name)}: ${toPython(item)}`).join(', ')}}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** In single quotes, but where there are such and no double ones. */
function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const inside = text.replace(/[\p{C}\p{Z}\\'"]/gu, (character) => {
    if (character === ' ' || character === '"' || character === "'")
      return character === quote ? `\\${quote}` : character;
    return ESCAPES[character] ?? byNumber(character.codePointAt(0)!);
  });
  return quote + inside + quote;
}

function byNumber(codePoint: number): string {
  const [mark, digits] = codePoint < 256 ? ['x', 2] : codePoint < 65536 ? ['u', 4] : ['U', 8];
  return `\\${mark}${codePoint.toString(16).padStart(digits as number, '0')}`;
}

/** Python writes small numbers by their exponent earlier than JavaScript, and with two digits at least. */
function fraction(value: number): string {
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  return Number(exponent) >= -4 ? String(value) : `${mantissa}e-${exponent.slice(1).padStart(2, '0')}`;
}

const MONTHS = 'January February March April May June July August September October November December'.split(' ');

/** `strftime('%d %B %Y')`, or with `short` `'%d %b %Y'`, in English and local time. */
export function dateText(date: Date, { short }: { readonly short: boolean }): string {
  const month = MONTHS[date.getMonth()]!;
  const day = String(date.getDate()).padStart(2, '0');
  return `${day} ${short ? month.slice(0, 3) : month} ${String(date.getFullYear()).padStart(4, '0')}`;
}
