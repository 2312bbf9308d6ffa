/**
 * The frozen target of heads that are trained: what it computes for each position of a text, what it would say itself, and the two matrices that heads
 * begin from.
 * @module
 */
import { ForetokenError } from '../../errors.ts';
import type { ModelConfig } from '../../formats/hf-config.ts';
import type { Tensors } from '../../formats/tensors.ts';
import { toFloats } from '../../formats/values.ts';
import { type LoadOptions, loadParts, type ModelInput, openModel } from '../../load.ts';
import type { TensorName } from '../../model/architectures/layout.ts';
import { llamaLayout } from '../../model/architectures/llama.ts';
import { findMatrix, readMatrix } from '../../model/load-weights.ts';
import type { Session } from '../../model/session.ts';
import { Model } from '../../model.ts';
import { Breather } from '../../runtime/breathe.ts';
import type { TextTokenizer } from '../../text/text-tokenizer.ts';
import { chain } from '../../tree/draft-tree.ts';

/** What the target computes for a text of T tokens. */
export interface TextStates {
  /** (T, D) hidden states behind the final norm: what the output layer reads. */
  readonly hidden: Float32Array;
  /** (T,) the token that the target finds likeliest behind each; -1 where it was not asked for. */
  readonly choices: Int32Array;
}

/** (V, D) f32, row by row. */
export interface TargetMatrices {
  readonly embedding: Float32Array;
  /** The output layer; the embedding itself where the two are tied. */
  readonly head: Float32Array;
}

/** How the target is asked to write. */
export interface Writing {
  readonly tokens: number;
  readonly temperature: number;
  readonly seed: number;
}

export class FrozenTarget {
  readonly config: ModelConfig;
  readonly tokenizer: TextTokenizer | undefined;
  readonly #model: Model;
  readonly #session: Session;

  constructor(model: Model, session: Session) {
    this.config = model.config;
    this.tokenizer = model.tokenizer;
    this.#model = model;
    this.#session = session;
  }

  /** @throws {ForetokenError} `prompt.tokenizer` */
  encode(text: string): Int32Array {
    if (this.tokenizer) return Int32Array.from(this.tokenizer.encode(text));
    throw new ForetokenError('prompt.tokenizer', 'this model has no tokenizer: give texts as token ids');
  }

  /**
   * One text from its beginning, in passes of as many positions as the target takes.
   *
   * @param tokens (T,), no more than the context
   * @param wantsChoices whether the target's own choices are wanted, for which it computes logits
   * @throws {ForetokenError} `logits.finite` when hidden states are not finite
   * @throws the signal's reason, once it aborts
   */
  async states(tokens: Int32Array, wantsChoices: boolean, signal?: AbortSignal): Promise<TextStates> {
    const session = this.#session;
    const { hidden: width } = this.config;
    const hidden = new Float32Array(tokens.length * width);
    const choices = new Int32Array(tokens.length).fill(-1);
    await session.ready();
    session.truncate(0);
    const breather = new Breather();
    for (let done = 0; done < tokens.length; done += session.maxNodes) {
      signal?.throwIfAborted();
      const block = chain(tokens.subarray(done, done + session.maxNodes));
      const rows = session.forward(block, wantsChoices ? 'all' : 'none');
      if (wantsChoices) for (const node of block.tokens.keys()) choices[done + node] = rows.argmax(node);
      hidden.set(session.hidden(), done * width);
      session.commit(Int32Array.from(block.tokens.keys()));
      await breather.due();
    }
    if (hidden.every(Number.isFinite)) return { hidden, choices };
    throw new ForetokenError('logits.finite', 'hidden states of a text are not finite: no head can be trained on them');
  }

  /** A text that begins with `prompt` and that the target goes on with. @returns tokens, the prompt's among them */
  async write(prompt: Int32Array, { tokens, temperature, seed }: Writing, signal?: AbortSignal): Promise<Int32Array> {
    const generation = this.#model.generate(prompt, {
      ...{ maxTokens: tokens, temperature, seed },
      ...(signal && { signal }),
    });
    await generation.text();
    return Int32Array.from([...prompt, ...generation.tokens]);
  }

  dispose(): void {
    this.#model.dispose();
  }
}

/**
 * Loads the target.
 * @param options with two sessions where it is to write texts
 * @throws {ForetokenError} as `load`
 */
export async function loadTarget(source: ModelInput, options: LoadOptions): Promise<FrozenTarget> {
  const { transformer, ...parts } = await loadParts(source, options);
  const session = transformer.session();
  return new FrozenTarget(new Model(transformer, { ...parts, concurrency: 'queue' }), session);
}

/**
 * Reads the matrices of a checkpoint, whatever it stores them as.
 * @throws {ForetokenError} `source.*`, `file.*`, `config.*`
 */
export async function readTargetMatrices(source: ModelInput, options: LoadOptions): Promise<TargetMatrices> {
  const { signal, hub } = options;
  const model = await openModel(source, signal, hub);
  try {
    const { config } = model;
    const layout = (config.layout ?? llamaLayout)(config);
    const tensors = await model.readTensors();
    const embedding = await readWhole(tensors, layout.embedding, config, signal);
    return { embedding, head: layout.head ? await readWhole(tensors, layout.head, config, signal) : embedding };
  } finally {
    model.close();
  }
}

async function readWhole(
  tensors: Tensors,
  part: TensorName,
  config: ModelConfig,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const [rows, cols] = part.shape as [number, number];
  const whole = new Float32Array(rows * cols);
  const stored = findMatrix(tensors, part, config.quantization);
  for await (const { row, values } of readMatrix(stored, cols, signal ? { signal } : {})) {
    for (const run of part.spread?.({ row, values }, cols) ?? [{ row, values }]) {
      whole.set(toFloats(run.values), run.row * cols);
    }
  }
  return whole;
}
