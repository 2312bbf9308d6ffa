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

const MONTHS = 'January February March April May June July August September October November December'.split(' ');

/** `strftime('%d %B %Y')`, or with `short` `'%d %b %Y'`, in English and local time. */
export function dateText(date: Date, { short }: { readonly short: boolean }): string {
  const month = MONTHS[date.getMonth()]!;
  const day = String(date.getDate()).padStart(2, '0');
  return `${day} ${short ? month.slice(0, 3) : month} ${String(date.getFullYear()).padStart(4, '0')}`;
}
