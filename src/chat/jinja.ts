/**
 * Templates that this package does not know, through `@huggingface/jinja`, an optional peer: a template is a program from outside, so it is
 * run only where a caller asks for it.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { ChatMessage } from './messages.ts';
import type { Piece } from './script.ts';
import type { Chat } from './template.ts';

/** `Template` of `@huggingface/jinja`, or what behaves like it. */
export type JinjaTemplate = new (text: string) => { render(variables: Record<string, unknown>): string };

/** @throws {ForetokenError} `chat.jinja` where the package is not installed, or this host loads none while it runs */
export async function importJinja(): Promise<JinjaTemplate> {
  // Not a literal, so that bundlers do not look for a package that most do not have.
  const name = ['@huggingface', 'jinja'].join('/');
  try {
    return ((await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as { Template: JinjaTemplate }).Template;
  } catch (cause) {
    throw new ForetokenError(
      'chat.jinja',
      "@huggingface/jinja could not be loaded: install it, or import it yourself and give its `Template` instead of 'jinja'",
      { cause },
    );
  }
}

/** Noncharacters of Unicode: no text has them but to test what is done with them. */
const MARKS = Array.from({ length: 32 }, (_, i) => String.fromCharCode(0xfdd0 + i));

/**
 * Renders a chat. What messages and tools spell is kept apart from what the template says by a mark inside every special token that they
 * spell: the tokenizer finds none there, and the mark is taken out again.
 *
 * @param special spellings of the special tokens
 * @throws {ForetokenError} `chat.jinja` with the template's error as its cause
 */
export function renderJinja(
  Template: JinjaTemplate,
  text: string,
  messages: readonly ChatMessage[],
  { tools, addGenerationPrompt, enableThinking, bos, eos }: Chat,
  special: readonly string[],
): readonly Piece[] {
  const given = JSON.stringify([messages, tools]);
  const mark = MARKS.find((candidate) => !given.includes(candidate) && !text.includes(candidate));
  if (mark === undefined) throw new ForetokenError('chat.message', 'messages hold every noncharacter of Unicode');
  const marked = (value: unknown): unknown => mapTexts(value, (inner) => markSpecial(inner, special, mark));
  let rendered: string;
  try {
    rendered = new Template(text).render({
      messages: marked(messages),
      ...(tools.length > 0 && { tools: marked(tools) }),
      ...(enableThinking !== undefined && { enable_thinking: enableThinking }),
      add_generation_prompt: addGenerationPrompt,
      bos_token: bos,
      eos_token: eos,
    });
  } catch (cause) {
    throw new ForetokenError('chat.jinja', `the template cannot be rendered: ${(cause as Error).message}`, { cause });
  }
  return piecesOf(rendered, special, mark);
}

/** Puts the mark behind the first unit of every special token in a text. */
function markSpecial(text: string, special: readonly string[], mark: string): string {
  const cut = new Set<number>();
  for (const content of special) {
    for (let at = text.indexOf(content); at >= 0; at = text.indexOf(content, at + 1)) cut.add(at + 1);
  }
  return (
    Array.from({ length: text.length }, (_, i) => (cut.has(i) ? mark : '') + text[i]).join('') +
    (cut.has(text.length) ? mark : '')
  );
}

/** Special tokens without a mark are the template's. */
function piecesOf(rendered: string, special: readonly string[], mark: string): readonly Piece[] {
  if (!rendered.includes(mark)) return [{ text: rendered, isTemplate: true }];
  const pieces: Piece[] = [];
  let from = 0;
  for (let at = rendered.indexOf(mark); at >= 0; at = rendered.indexOf(mark, from)) {
    const whole = rendered.slice(at - 1, at) + rendered.slice(at + 1);
    const longest = special
      .filter((content) => whole.startsWith(content))
      .reduce((best, { length }) => Math.max(best, length), 1);
    pieces.push({ text: rendered.slice(from, at - 1), isTemplate: true });
    pieces.push({ text: whole.slice(0, longest), isTemplate: false });
    from = at + longest;
  }
  pieces.push({ text: rendered.slice(from), isTemplate: true });
  return pieces;
}

function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, map));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapTexts(item, map)]));
}
