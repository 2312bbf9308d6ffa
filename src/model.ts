/**
 * A loaded model, as its users see it: prompts in, generations out.
 * @module
 */
import type { ChatOptions } from './chat/chat.ts';
import type { ChatFiles } from './chat/find.ts';
import type { ChatMessage } from './chat/messages.ts';
import type { Completion, CompletionsOptions } from './completions.ts';
import { Drafting, drafterBytes } from './decode/drafting.ts';
import { generate, type Host } from './decode/generate.ts';
import type { Generation } from './decode/generation.ts';
import { AUTO_DRAFTERS, type GenerateOptions } from './decode/options.ts';
import { type Concurrency, Queue } from './decode/queue.ts';
import { TokenCache } from './decode/token-cache.ts';
import type { EmbedOptions } from './embed.ts';
import { ForetokenError } from './errors.ts';
import type { ModelConfig } from './formats/hf-config.ts';
import type { MemoryPlan } from './model/memory-plan.ts';
import type { Session } from './model/session.ts';
import type { TransformerModel } from './model/transformer-model.ts';
import type { Target } from './model/target.ts';
import type { TextTokenizer } from './text/text-tokenizer.ts';
import type { DraftSampling } from './tree/draft-tree.ts';

/** Text, for models with a tokenizer, or token ids. */
export type Prompt = string | ArrayLike<number>;

/** Memory of a model, bytes: all of it is reserved while loading, nothing grows afterwards. */
export interface MemoryUse {
  /** Weights as the kernels read them. */
  readonly weights: number;
  /** Keys and values of all sessions. */
  readonly cache: number;
  /** Activations, logits and programs of the largest pass. */
  readonly pass: number;
  /** The part of `pass` that each thread has of its own. */
  readonly thread: number;
  /** Tables of the built-in drafters, outside the linear memory. */
  readonly drafters: number;
  /** The linear memory (weights, cache and pass, in whole pages) and the drafters. */
  readonly total: number;
  /** How many memories the linear memory is split over: 1 unless it is larger than one may be. */
  readonly memories: number;
}

/** Of a plan, with the tables of the drafters that `auto` asks. */
export function memoryUse(plan: MemoryPlan, { vocab }: ModelConfig): MemoryUse {
  const { context, maxNodes } = plan.options;
  const tables = AUTO_DRAFTERS.reduce((sum, name) => sum + drafterBytes(name, { vocab, context, maxNodes }), 0);
  return {
    weights: plan.weightBytes,
    cache: plan.cacheBytes,
    pass: plan.passBytes,
    thread: plan.threadBytes,
    drafters: tables,
    total: plan.bytes + tables,
    memories: plan.stages.length,
  };
}

/** What a model is made of besides its transformer. */
export interface ModelParts {
  readonly tokenizer: TextTokenizer | undefined;
  readonly concurrency: Concurrency;
  readonly threadsNote?: string | undefined;
  readonly chatFiles: () => Promise<ChatFiles>;
}

export class Model {
  readonly config: ModelConfig;
  /** Threads that run a pass together. */
  readonly threads: number;
  /** Why they are fewer than were asked for; undefined where they are not. */
  readonly threadsNote: string | undefined;
  /** Undefined for a checkpoint without tokenizer.json: prompts are then token ids, and texts stay empty. */
  readonly tokenizer: TextTokenizer | undefined;
  readonly memory: MemoryUse;
  /** What the model's files say of chats, read when it is asked for. */
  readonly chatFiles: () => Promise<ChatFiles>;
  #transformer: TransformerModel | undefined;
  readonly #queue: Queue;
  readonly #drafting: Drafting;
  #main: Conversation | undefined;

  constructor(transformer: TransformerModel, { tokenizer, concurrency, threadsNote, chatFiles }: ModelParts) {
    const { config, plan } = transformer;
    const { context, maxNodes, threads } = plan.options;
    this.config = config;
    this.threads = threads;
    this.threadsNote = threadsNote;
    this.tokenizer = tokenizer;
    this.chatFiles = chatFiles;
    this.memory = memoryUse(plan, config);
    this.#transformer = transformer;
    this.#queue = new Queue(concurrency);
    this.#drafting = new Drafting({ vocab: config.vocab, context, maxNodes }, AUTO_DRAFTERS);
  }

  /** The transformer itself, for a head that drafts for it. @throws {ForetokenError} `model.disposed` */
  get transformer(): TransformerModel {
    if (this.#transformer) return this.#transformer;
    throw disposed();
  }

  /**
   * Generates after a prompt, in the model's first session: what the prompt has in common with the call before is not computed again.
   *
   * @throws {ForetokenError} at once: `prompt.*` and `option.*`; `session.full` when all sessions were handed out by `conversation`.
   *   While iterating: what `generate` of src/decode states
   * @example for await (const { text } of model.generate('export function', { maxTokens: 64 })) write(text);
   */
  generate<S extends DraftSampling>(prompt: Prompt, options?: GenerateOptions<S>): Generation {
    return this.#own().generate(prompt, options);
  }

  /**
   * A vector for each text, in the model's first session, as `generate`: conversations are left alone, and the next `generate` computes its
   * prompt anew.
   *
   * @returns (D,) f32 for each text
   * @throws {ForetokenError} what `embed` of src/embed.ts states; `session.full` when all sessions were handed out by `conversation`
   * @example const [query, text] = await model.embed(['a cat', 'feline'], { pooling: 'last' });
   */
  async embed(texts: readonly Prompt[], options?: EmbedOptions): Promise<Float32Array[]> {
    return this.#own().embed(texts, options);
  }

  /**
   * Several short continuations of a prompt for about the price of one, in the model's first session, as `generate`.
   *
   * @returns best first
   * @throws {ForetokenError} what `completions` of src/completions.ts states; `session.full` when all sessions were handed out by `conversation`
   * @example for (const { text } of await model.completions('const total = ', { n: 3 })) offer(text);
   */
  async completions(prompt: Prompt, options?: CompletionsOptions): Promise<Completion[]> {
    return this.#own().completions(prompt, options);
  }

  #own(): Conversation {
    return (this.#main ??= this.conversation());
  }

  /**
   * Answers the last of some messages, in the model's own chat template, as `generate` goes on from a prompt: in the same session, so that of
   * a chat that goes on only the new messages are computed.
   *
   * @throws {ForetokenError} what `chatPrompt` of src/chat states, and what `generate` throws at once
   * @example
   * const answer = await model.chat([{ role: 'user', content: 'Hello' }], { maxTokens: 64 });
   * for await (const { text } of answer) write(text);
   */
  async chat(messages: readonly ChatMessage[], options?: ChatOptions): Promise<Generation> {
    this.#main ??= this.conversation();
    return this.#main.chat(messages, options);
  }

  /**
   * A cache of its own, for a text that goes on over several calls.
   *
   * @param snapshot where to go on from; default an empty cache
   * @throws {ForetokenError} `session.full` when all sessions of the plan are in use; `session.snapshot` when it is no snapshot of this model;
   *   `model.disposed`
   */
  conversation(snapshot?: Snapshot): Conversation {
    const { transformer } = this;
    if (snapshot === undefined) return this.#converse(transformer.session(), []);
    checkSnapshot(snapshot, this.config);
    const session = transformer.session();
    try {
      session.load(snapshot.cache, snapshot.tokens.length);
    } catch (error) {
      session.dispose();
      throw error;
    }
    return this.#converse(session, snapshot.tokens);
  }

  /**
   * Lets go of the model's memory and ends its threads. A call that runs ends with `session.disposed`; those that wait, and later ones, with `model.disposed`.
   * Conversations are disposed, too.
   */
  dispose(): void {
    this.#queue.close(disposed());
    this.#transformer?.dispose();
    this.#transformer = undefined;
    this.#main = undefined;
  }

  /** Ids of a prompt. @throws {ForetokenError} `prompt.tokenizer` for text without a tokenizer */
  encode(prompt: Prompt): ArrayLike<number> {
    if (typeof prompt !== 'string') return prompt;
    if (this.tokenizer) return this.tokenizer.encode(prompt, { addSpecial: true });
    throw new ForetokenError('prompt.tokenizer', 'this model has no tokenizer: give the prompt as token ids');
  }

  #converse(session: Session, tokens: readonly number[]): Conversation {
    const { tokenizer } = this;
    const host: Host = {
      cache: new TokenCache(session, tokens),
      queue: this.#queue,
      drafting: this.#drafting,
      endTokens: this.config.eosTokens,
      ...(tokenizer && { detokenizer: () => tokenizer.detokenizer(), tokenizer }),
    };
    return new Conversation(this, session, host, (fork, held) => this.#converse(fork, held));
  }
}

/** The committed positions of a conversation, to go on from later, with the same model. */
export interface Snapshot {
  readonly tokens: readonly number[];
  /** Keys and values; the format is in src/model/cache-snapshot.ts. */
  readonly cache: Uint8Array;
}

/** Whether it can be a snapshot at all; what the cache holds is checked where it is read. @throws {ForetokenError} `session.snapshot` */
function checkSnapshot(snapshot: Snapshot, { vocab }: ModelConfig): void {
  const { tokens, cache } = (snapshot ?? {}) as Partial<Snapshot>;
  const isToken = (token: unknown) => Number.isInteger(token) && (token as number) >= 0 && (token as number) < vocab;
  if (!(Array.isArray(tokens) && tokens.every(isToken) && cache instanceof Uint8Array)) {
    throw new ForetokenError('session.snapshot', 'expected a snapshot: tokens of this model, and bytes of its cache');
  }
}

/** One session of a model. */
export class Conversation {
  readonly #model: Model;
  readonly #session: Session;
  readonly #host: Host;
  readonly #converse: (session: Session, tokens: readonly number[]) => Conversation;

  constructor(
    model: Model,
    session: Session,
    host: Host,
    converse: (session: Session, tokens: readonly number[]) => Conversation,
  ) {
    this.#model = model;
    this.#session = session;
    this.#host = host;
    this.#converse = converse;
  }

  /** As `Model.generate`, in this session. The prompt is the whole text so far: what the cache holds of it is not computed again. */
  generate<S extends DraftSampling>(prompt: Prompt, options?: GenerateOptions<S>): Generation {
    return generate(this.#host, this.#model.encode(prompt), options);
  }

  /** As `Model.embed`, in this session. Its cache holds the last text afterwards. */
  async embed(texts: readonly Prompt[], options?: EmbedOptions): Promise<Float32Array[]> {
    const { embed } = await import('./embed.ts');
    return embed(this.#host, this.#session, texts, (text) => this.#model.encode(text), options);
  }

  /** As `Model.completions`, in this session. */
  async completions(prompt: Prompt, options?: CompletionsOptions): Promise<Completion[]> {
    const { completions } = await import('./completions.ts');
    return completions(this.#host, this.#model.encode(prompt), options);
  }

  /** As `Model.chat`, in this session. */
  async chat(messages: readonly ChatMessage[], options?: ChatOptions): Promise<Generation> {
    const { chatPrompt, splitOptions } = await import('./chat/chat.ts');
    const { prompt, rest } = splitOptions(options);
    const { tokens, endTokens } = await chatPrompt(this.#model, messages, prompt);
    return generate({ ...this.#host, endTokens }, tokens, rest);
  }

  /**
   * A conversation with the same positions, in a free session.
   * @throws {ForetokenError} `session.full`
   */
  fork(): Conversation {
    return this.#converse(this.#session.fork(), this.#host.cache.tokens);
  }

  /** The session itself: passes over tokens, for a drafter that is a model. What runs passes here does so instead of `generate`. */
  get target(): Target {
    return this.#session;
  }

  save(): Snapshot {
    return { tokens: [...this.#host.cache.tokens], cache: this.#session.save() };
  }

  /** Gives the session back to the model; later calls throw `session.disposed`. */
  dispose(): void {
    this.#session.dispose();
  }
}

function disposed(): ForetokenError {
  return new ForetokenError('model.disposed', 'this model has been disposed');
}
