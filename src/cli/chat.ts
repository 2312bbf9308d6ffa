/**
 * `foretoken chat`: a conversation in a terminal, or over a pipe with one message a line.
 * @module
 */
import process from 'node:process';
import { type ChatOptions, chatPrompt } from '../chat/chat.ts';
import type { ChatMessage } from '../chat/messages.ts';
import type { TemplateName } from '../chat/templates.ts';
import type { Generation } from '../decode/generation.ts';
import type { Progress } from '../decode/options.ts';
import { ForetokenError } from '../errors.ts';
import { load } from '../load.ts';
import type { Conversation, Model } from '../model.ts';
import { command } from './command.ts';
import { GENERATE_OPTIONS, generateOptions } from './generate-options.ts';
import { openLines } from './lines.ts';
import { DEFAULT_MODEL, loadOptions, MODEL_OPTIONS } from './model.ts';
import { openPromptCache, PROMPT_CACHE_OPTIONS, type PromptCacheFile } from './prompt-cache-file.ts';
import { statsLines } from './stats-text.ts';
import type { Terminal } from './terminal.ts';

const COMMANDS = '/reset, /system TEXT, /exit';

export const chatCommand = command({
  name: 'chat',
  summary: 'answers messages in a conversation',
  usage: '[OPTIONS]',
  options: {
    ...MODEL_OPTIONS,
    system: { kind: 'text', value: 'TEXT', help: 'the system message' },
    template: {
      kind: 'text',
      value: 'NAME',
      help: "the chat template, where the model has none that is known:\nchatml, llama3, ... or jinja to execute the model's own",
    },
    ...GENERATE_OPTIONS,
    ...PROMPT_CACHE_OPTIONS,
    stats: { kind: 'flag', help: 'tell on stderr how each answer went' },
  },
  positionals: 0,
  notes: `Messages are lines: typed, with the usual keys for editing and going back, or piped. A line may be a command:

  /reset         forgets the conversation, but for the system message
  /system TEXT   says another system message, or none without TEXT; the conversation stays
  /exit          ends; so does the end of the input

Ctrl-C stops an answer, of which what there is stays in the conversation. Where a message is asked for it throws away what was typed, and pressed
twice it ends the program; so does ctrl-D.

  foretoken chat --model SmolLM2-135M-Instruct --system 'Be brief.'
  echo 'What is a tree?' | foretoken chat --model model.gguf --stats`,
  async run({ options }, terminal) {
    const cache = await openPromptCache(options);
    const model = await load(options.model ?? DEFAULT_MODEL, loadOptions(options, terminal));
    const chat = new Chat(model, cache, options.system, {
      ...generateOptions(options),
      ...(options.template !== undefined && { template: options.template as TemplateName }), // the library refuses others
    });
    await chat.check();
    terminal.status('');
    await converse(chat, terminal, options.stats === true);
    await chat.keep();
  },
});

/** Asks, answers and carries out commands until the input ends. */
async function converse(chat: Chat, terminal: Terminal, stats: boolean): Promise<void> {
  let answer: AbortController | undefined;
  let warned = false;
  /** @returns whether the program goes on */
  const interrupt = (): boolean => {
    if (answer) {
      answer.abort();
      return true;
    }
    if (warned || !process.stdin.isTTY) return false;
    warned = true;
    lines.restart(() => terminal.note('\nCtrl-C again, or /exit, ends.'));
    return true;
  };
  terminal.onInterrupt(interrupt);
  // In a terminal ctrl-C is a key; what it does not stop here is a signal like any other.
  const lines = openLines(() => {
    if (!interrupt()) process.kill(process.pid, 'SIGINT');
  });
  terminal.signal.addEventListener('abort', lines.close);
  try {
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
      warned = false;
      if (terminal.signal.aborted) break;
      if (line.trim() === '') continue;
      if (line.startsWith('/')) {
        if (line.trim() === '/exit') break;
        carryOut(line, chat, terminal);
        continue;
      }
      answer = new AbortController();
      await chat.answer(line, terminal, answer.signal, stats);
      answer = undefined;
    }
  } finally {
    terminal.signal.removeEventListener('abort', lines.close);
    lines.close();
  }
}

function carryOut(line: string, chat: Chat, terminal: Terminal): void {
  const [, name, text] = /^\/(\S*)\s*(.*?)\s*$/.exec(line)!;
  if (name === 'reset') chat.reset();
  else if (name === 'system') chat.system = text === '' ? undefined : text;
  else terminal.note(`unknown command /${name}: expected ${COMMANDS}`);
}

/** The messages so far, and the model that answers them. */
class Chat {
  /** The system message. */
  system: string | undefined;
  readonly #model: Model;
  readonly #cache: PromptCacheFile | undefined;
  readonly #options: ChatOptions;
  #messages: readonly ChatMessage[] = [];
  /** Holds what was computed; begun with what the prompt cache has of the first message. */
  #conversation: Conversation | undefined;

  constructor(model: Model, cache: PromptCacheFile | undefined, system: string | undefined, options: ChatOptions) {
    this.#model = model;
    this.#cache = cache;
    this.system = system;
    this.#options = options;
  }

  /** Whether the model can chat at all. @throws {ForetokenError} `chat.template`, `chat.role` */
  async check(): Promise<void> {
    await this.#prompt([{ role: 'user', content: '' }]);
  }

  reset(): void {
    this.#messages = [];
  }

  /**
   * Answers a message. In a terminal what goes wrong is told and the conversation goes on without the message; over a pipe it is thrown.
   * @param signal stops the answer only
   */
  async answer(message: string, terminal: Terminal, signal: AbortSignal, stats: boolean): Promise<void> {
    const messages: readonly ChatMessage[] = [...this.#messages, { role: 'user', content: message }];
    try {
      const generation = await this.#generate(messages, terminal, signal);
      await stream(generation, terminal, signal);
      this.#messages = [...messages, { role: 'assistant', content: await generation.text() }];
      if (generation.finishReason === 'length') terminal.note('(cut: --max-tokens, or the context, is used up)');
      if (stats) terminal.note(statsLines(generation.stats));
    } catch (error) {
      if (!(error instanceof ForetokenError && process.stdin.isTTY)) throw error;
      terminal.note(`error[${error.code}]: ${error.message}`);
    }
  }

  /** Writes the prompt cache, where there is one. */
  async keep(): Promise<void> {
    if (this.#conversation) await this.#cache?.keep(this.#conversation);
  }

  async #generate(messages: readonly ChatMessage[], terminal: Terminal, signal: AbortSignal): Promise<Generation> {
    const all = this.#withSystem(messages);
    this.#conversation ??= this.#cache
      ? this.#cache.conversation(this.#model, (await this.#prompt(messages)).tokens)
      : this.#model.conversation();
    return this.#conversation.chat(all, {
      ...this.#options,
      signal: AbortSignal.any([signal, terminal.signal]),
      onProgress: ({ phase, done, total }: Progress) =>
        terminal.status(() => (phase === 'prefill' ? `prompt, ${done} of ${total} tokens` : '')),
    });
  }

  #prompt(messages: readonly ChatMessage[]) {
    const { template } = this.#options;
    return chatPrompt(this.#model, this.#withSystem(messages), template === undefined ? {} : { template });
  }

  #withSystem(messages: readonly ChatMessage[]): readonly ChatMessage[] {
    return this.system === undefined ? messages : [{ role: 'system', content: this.system }, ...messages];
  }
}

/** Writes an answer as it comes, and a line break behind it; stops where the signal, or a closed pipe, says so. */
async function stream(generation: Generation, terminal: Terminal, signal: AbortSignal): Promise<void> {
  let written = 0;
  try {
    for await (const { text } of generation) {
      await terminal.write(text);
      written += text.length;
    }
  } catch (error) {
    if (!signal.aborted && !terminal.signal.aborted) throw error;
  }
  // Text that could have become a stop string is let go at an early end.
  await terminal.write(`${(await generation.text()).slice(written)}\n`);
}
