/**
 * A chat as a prompt: messages are written out as the model's template has it, and encoded. Loaded only when a model chats.
 * @module
 */
import { outOfRange, wrongType } from '../check-options.ts';
import type { GenerateOptions } from '../decode/options.ts';
import { ForetokenError } from '../errors.ts';
import type { Model } from '../model.ts';
import type { TextTokenizer } from '../text/text-tokenizer.ts';
import type { ChatFiles } from './find.ts';
import { importJinja, type JinjaTemplate, renderJinja } from './jinja.ts';
import { type ChatMessage, checkMessages, checkTools, type ToolDefinition, type Turn } from './messages.ts';
import { encodeScript, type Piece, Script, scriptText } from './script.ts';
import type { Chat, Template } from './template.ts';
import { recognise, TEMPLATES, type TemplateName } from './templates.ts';

// Here, so that one piece of code is loaded for chats and not two.
export { findInFolder } from './find.ts';

/** How messages become a prompt. */
export interface PromptOptions {
  /** Tools that the assistant may ask for, as JSON schemas. */
  readonly tools?: readonly ToolDefinition[];
  /**
   * The template, where the model's files have none that is known, or another is wanted: one of this package's by name; `jinja` to execute the
   * files' own with the optional peer `@huggingface/jinja`; or that package's `Template`.
   */
  readonly template?: TemplateName | 'jinja' | JinjaTemplate;
  /** Opens the assistant's turn at the end. Default: unless the last message is the assistant's. */
  readonly addGenerationPrompt?: boolean;
  /** Leaves the last message open, so that the answer goes on from it. Default: when it is the assistant's and no turn is opened behind it. */
  readonly continueFinalMessage?: boolean;
  /** For templates that have a choice: whether the model thinks before it answers. */
  readonly enableThinking?: boolean;
  /** Today, for templates that tell it; default: now. */
  readonly date?: Date;
}

export interface ChatOptions extends PromptOptions, GenerateOptions {}

/** A chat as the model reads it. */
export interface ChatPrompt {
  readonly tokens: Int32Array;
  /** The same as text: what the template prints. */
  readonly text: string;
  /** Tokens that end the answer. */
  readonly endTokens: readonly number[];
}

const PROMPT_OPTIONS = [
  'tools',
  'template',
  'addGenerationPrompt',
  'continueFinalMessage',
  'enableThinking',
  'date',
] as const;

/** Options apart: those of the prompt and those of the generation, which are checked there. */
export function splitOptions(options: ChatOptions = {}): {
  readonly prompt: PromptOptions;
  readonly rest: GenerateOptions;
} {
  if (typeof options !== 'object' || options === null) throw wrongType('options', 'an object', options);
  const isPrompt = ([name]: [string, unknown]) => (PROMPT_OPTIONS as readonly string[]).includes(name);
  const entries = Object.entries(options);
  return {
    prompt: Object.fromEntries(entries.filter(isPrompt)),
    rest: Object.fromEntries(entries.filter((entry) => !isPrompt(entry))),
  };
}

/**
 * Messages as a prompt, in the model's own template.
 *
 * @throws {ForetokenError} `chat.template` when the model has no template that is known; `chat.message`, `chat.role`, `chat.tools` for messages
 *   and tools that are malformed, or that the template has no place for; `chat.jinja`; `option.*`; `prompt.tokenizer` without a tokenizer
 * @example (await chatPrompt(model, [{ role: 'user', content: 'Hello' }])).text // <|im_start|>user ...
 */
export async function chatPrompt(
  model: Model,
  messages: readonly ChatMessage[],
  options: PromptOptions = {},
): Promise<ChatPrompt> {
  checkOptions(options);
  const turns = checkMessages(messages);
  const { tokenizer } = model;
  if (!tokenizer) throw new ForetokenError('prompt.tokenizer', 'this model has no tokenizer, and so cannot chat');
  const files = await filesOf(model);
  const { chat, continued } = chatOf(turns, options, files, tokenizer, model);
  const { pieces, ends } = await render(messages, chat, continued, options.template, files, tokenizer);
  const known = new Map(tokenizer.addedTokens.map(({ content, id }) => [content, id]));
  const named = [...ends, chat.eos].flatMap((content) => known.get(content) ?? []);
  return {
    tokens: encodeScript(pieces, tokenizer),
    text: scriptText(pieces),
    endTokens: [...new Set([...model.config.eosTokens, ...named])],
  };
}

/** Files are read once for each model. */
const filesByModel = new WeakMap<Model, Promise<ChatFiles>>();

async function filesOf(model: Model): Promise<ChatFiles> {
  let files = filesByModel.get(model);
  if (!files) filesByModel.set(model, (files = model.chatFiles()));
  try {
    return await files;
  } catch (error) {
    filesByModel.delete(model); // the next call tries again
    throw error;
  }
}

function chatOf(
  turns: readonly Turn[],
  options: PromptOptions,
  { bos, eos }: ChatFiles,
  tokenizer: TextTokenizer,
  { config }: Model,
): { readonly chat: Chat; readonly continued: Turn | undefined } {
  const last = turns.at(-1)!;
  const addGenerationPrompt = options.addGenerationPrompt ?? last.role !== 'assistant';
  const continues = options.continueFinalMessage ?? (last.role === 'assistant' && !addGenerationPrompt);
  if (continues && addGenerationPrompt) {
    throw new ForetokenError('option.range', 'continueFinalMessage: expected false where addGenerationPrompt is true');
  }
  if (continues && last.role !== 'assistant') {
    throw new ForetokenError('chat.role', "continueFinalMessage: the last message is not the assistant's");
  }
  const spelling = (token: number | string | undefined) =>
    typeof token === 'string' ? token : (tokenizer.addedTokens.find(({ id }) => id === token)?.content ?? '');
  const chat = {
    turns,
    tools: checkTools(options.tools),
    addGenerationPrompt,
    enableThinking: options.enableThinking,
    date: options.date ?? new Date(),
    bos: spelling(bos ?? config.bosToken),
    eos: spelling(eos ?? config.eosTokens[0]),
  };
  return { chat, continued: continues ? last : undefined };
}

async function render(
  messages: readonly ChatMessage[],
  chat: Chat,
  continued: Turn | undefined,
  wanted: PromptOptions['template'],
  files: ChatFiles,
  tokenizer: TextTokenizer,
): Promise<{ readonly pieces: readonly Piece[]; readonly ends: readonly string[] }> {
  if (wanted === 'jinja' || typeof wanted === 'function') {
    if (files.template === undefined) throw noTemplate();
    if (continued) {
      throw new ForetokenError(
        'chat.message',
        "the last message cannot be continued with a template that is executed: end with the user's",
      );
    }
    const Jinja = wanted === 'jinja' ? await importJinja() : wanted;
    const special = tokenizer.addedTokens.filter((token) => token.special).map(({ content }) => content);
    return { pieces: renderJinja(Jinja, files.template, messages, chat, special), ends: TURN_ENDS };
  }
  const template = templateOf(wanted, files);
  const needsTools =
    chat.tools.length > 0 || chat.turns.some(({ role, toolCalls }) => role === 'tool' || toolCalls.length > 0);
  if (needsTools && !template.hasTools) {
    throw new ForetokenError('chat.tools', "this model's template has no tools: describe them in the system message");
  }
  const script = new Script(continued);
  template.render(chat, script);
  return { pieces: script.pieces, ends: template.ends };
}

/** Every token that ends a turn in a known template: a template that is executed does not say its own. */
const TURN_ENDS: readonly string[] = [...new Set(Object.values<Template>(TEMPLATES).flatMap(({ ends }) => ends))];

/** @throws {ForetokenError} `chat.template` */
function templateOf(wanted: TemplateName | undefined, { template: text }: ChatFiles): Template {
  if (wanted !== undefined) return TEMPLATES[wanted];
  if (text === undefined) throw noTemplate();
  const known = recognise(text);
  if (known) return known.template;
  throw new ForetokenError(
    'chat.template',
    "this model's chat template is not among the known ones: name the one that it follows (`template`), or `template: 'jinja'` to execute it with @huggingface/jinja",
  );
}

function noTemplate(): ForetokenError {
  return new ForetokenError(
    'chat.template',
    'this model has no chat template: it goes on from a text, which is what `generate` is for. For a model that was taught to chat, name its `template`',
  );
}

function checkOptions({
  template,
  addGenerationPrompt,
  continueFinalMessage,
  enableThinking,
  date,
}: PromptOptions): void {
  for (const [name, value] of Object.entries({ addGenerationPrompt, continueFinalMessage, enableThinking })) {
    if (value !== undefined && typeof value !== 'boolean') throw wrongType(name, 'true or false', value);
  }
  if (date !== undefined && !(date instanceof Date && Number.isFinite(date.getTime()))) {
    throw wrongType('date', 'a valid Date', date);
  }
  if (template === undefined || template === 'jinja' || typeof template === 'function') return;
  if (typeof template !== 'string')
    throw wrongType('template', 'a name, or the Template of @huggingface/jinja', template);
  if (!Object.hasOwn(TEMPLATES, template)) {
    throw outOfRange('template', `${Object.keys(TEMPLATES).join(', ')} or jinja`, `"${String(template).slice(0, 80)}"`);
  }
}
