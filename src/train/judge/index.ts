/**
 * Training a judge for a model, and showing what it accepts and what that costs.
 *
 *   texts ──► windows ──► nine of ten: examples ──► head
 *                    └──► one of ten:  examples ──► accuracy
 *                                      beginnings ──► generations with the judge and without ──► tokens a pass, perplexity
 *
 * @module
 */
import { checkNames, outOfRange, wrongType } from '../../check-options.ts';
import { exp, log } from '../../engine/math.ts';
import { ForetokenError } from '../../errors.ts';
import type { Conversation, Model, Prompt } from '../../model.ts';
import type { Target } from '../../model/target.ts';
import { Breather } from '../../runtime/breathe.ts';
import { chain } from '../../tree/draft-tree.ts';
import { exactDraw } from '../../verify/exact-draw.ts';
import { type JudgeHead, lossyJudge } from '../../verify/judge.ts';
import { type JudgeExample, judgeExamples, type LabelOptions } from './examples.ts';
import { generator, type JudgeAccuracy, type JudgeHeadOptions, judgeAccuracy, trainJudgeHead } from './head.ts';

export type { JudgeAccuracy, JudgeHeadOptions } from './head.ts';
export type { LabelOptions } from './examples.ts';

export interface TrainJudgeOptions extends JudgeHeadOptions, LabelOptions {
  /** Tokens of the pieces that texts are cut into: default 128; 16 or more. */
  readonly window?: number;
  /** Thresholds at which quality is shown: default 0.5, 0.8, 0.95. */
  readonly thresholds?: readonly number[];
  /** Held-out beginnings that are gone on from to see what quality costs: default 8. */
  readonly prompts?: number;
  /** Told what is done. */
  readonly onProgress?: (progress: {
    readonly phase: 'examples' | 'quality';
    readonly done: number;
    readonly total: number;
  }) => void;
}

/** Greedy texts with a judge at one threshold; the first entry has none, and is the target's own text. */
export interface JudgeQuality {
  /** 1 for no judge. */
  readonly threshold: number;
  /** Emitted tokens a pass, with lookup and recycling as drafters. */
  readonly tokensPerPass: number;
  /** Of the text under the target itself: a greedy text without a judge has the least. */
  readonly perplexity: number;
  /** Share of its tokens that are the target's own choice after those before. */
  readonly ownChoice: number;
}

export interface TrainedJudge {
  readonly head: Required<Pick<JudgeHead, 'weights' | 'bias'>>;
  readonly accuracy: JudgeAccuracy;
  readonly quality: readonly JudgeQuality[];
}

const OPTIONS = [
  ...['wrongWeight', 'epochs', 'learningRate', 'seed', 'signal', 'likely', 'unlikely'],
  ...['window', 'thresholds', 'prompts', 'onProgress'],
];
/** One window of so many is held out. */
const HELD_OUT = 10;
const QUALITY_TOKENS = 64;

/**
 * Trains a judge on texts such as the model will write. It takes a free session of the model while it runs.
 *
 * @param texts enough for twenty windows at least, of which examples of both kinds come
 * @throws {ForetokenError} `option.*`; `train.data` where there is too little text; `session.full`; what the trainer throws
 * @throws the signal's reason, once it aborts
 * @example
 * const { head, accuracy, quality } = await trainJudge(model, texts);
 * model.generate(prompt, { verifier: lossyJudge(exactDraw, head, { threshold: 0.8, never: model.config.eosTokens }) });
 */
export async function trainJudge(
  model: Model,
  texts: readonly Prompt[],
  options: TrainJudgeOptions = {},
): Promise<TrainedJudge> {
  checkOptions(options);
  const { window = 128, thresholds = [0.5, 0.8, 0.95], prompts = 8, seed = 0, signal, onProgress } = options;
  const windows = texts.flatMap((text) => cut(Int32Array.from(model.encode(text)), window));
  const conversation = model.conversation();
  try {
    const [learnt, heldOut]: [JudgeExample[], JudgeExample[]] = [[], []];
    const random = generator(seed);
    const breather = new Breather();
    for (const [i, piece] of windows.entries()) {
      signal?.throwIfAborted();
      const kind = i % HELD_OUT === HELD_OUT - 1 ? heldOut : learnt;
      for (const example of judgeExamples(conversation.target, piece, random, options)) kind.push(example);
      onProgress?.({ phase: 'examples', done: i + 1, total: windows.length });
      await breather.due();
    }
    for (const examples of [learnt, heldOut]) {
      if (examples.some(({ isRight }) => isRight) && examples.some(({ isRight }) => !isRight)) continue;
      const message = `${windows.length} windows of ${window} tokens gave no examples of right and wrong tokens to learn from and to hold out`;
      throw new ForetokenError('train.data', message);
    }
    const head = await trainJudgeHead(learnt, options);
    const beginnings = windows.filter((_, i) => i % HELD_OUT === HELD_OUT - 1).slice(0, prompts);
    const quality: JudgeQuality[] = [];
    for (const threshold of [1, ...thresholds]) {
      quality.push(await qualityOf(model, conversation, head, threshold, beginnings, signal));
      onProgress?.({ phase: 'quality', done: quality.length, total: thresholds.length + 1 });
    }
    return { head, accuracy: judgeAccuracy(head, heldOut), quality };
  } finally {
    conversation.dispose();
  }
}

/** Pieces of one length; what is left over at the end is left out, unless nothing else is there. */
function cut(text: Int32Array, window: number): Int32Array[] {
  const count = Math.max(1, Math.floor(text.length / window));
  return Array.from({ length: count }, (_, i) => text.subarray(i * window, (i + 1) * window)).filter(
    ({ length }) => length > 1,
  );
}

/** Goes on from the first half of each window. */
async function qualityOf(
  model: Model,
  conversation: Conversation,
  head: JudgeHead,
  threshold: number,
  windows: readonly Int32Array[],
  signal: AbortSignal | undefined,
): Promise<JudgeQuality> {
  let [passes, tokens, own, logProb] = [0, 0, 0, 0];
  for (const window of windows) {
    const prompt = window.subarray(0, Math.max(1, window.length >> 1));
    const generation = conversation.generate(prompt, {
      maxTokens: QUALITY_TOKENS,
      draft: ['lookup', 'recycle'],
      verifier: lossyJudge(exactDraw, head, { threshold, never: model.config.eosTokens }),
      ...(signal && { signal }),
    });
    await generation.text();
    passes += generation.stats.passes;
    const text = Int32Array.from([...prompt, ...generation.tokens]);
    const read = readAgain(conversation.target, text, prompt.length);
    tokens += generation.tokens.length;
    own += read.own;
    logProb += read.logProb;
  }
  return { threshold, tokensPerPass: tokens / passes, perplexity: exp(-logProb / tokens), ownChoice: own / tokens };
}

/** What a target thinks of the tokens of a text from a place on. */
function readAgain(target: Target, text: Int32Array, from: number): { own: number; logProb: number } {
  target.truncate(0);
  let [own, logProb] = [0, 0];
  for (let done = 0; done < text.length; done += target.maxNodes) {
    const block = chain(text.subarray(done, done + target.maxNodes));
    const rows = target.forward(block, 'all');
    for (let node = 0; node < block.tokens.length; node++) {
      const place = done + node + 1;
      if (place < from || place >= text.length) continue;
      const logits = rows.logits(node);
      const best = rows.argmax(node);
      const sum = logits.reduce((total, logit) => total + exp(logit - logits[best]!), 0);
      logProb += logits[text[place]!]! - logits[best]! - log(sum);
      if (text[place] === best) own++;
    }
    target.commit(Int32Array.from(block.tokens.keys()));
  }
  target.truncate(0);
  return { own, logProb };
}

function checkOptions(options: TrainJudgeOptions): void {
  checkNames(options, OPTIONS);
  const { window = 128, thresholds = [], prompts = 8, wrongWeight = 1, epochs = 1, learningRate = 1 } = options;
  const { likely = 0.3, unlikely = 0.01 } = options;
  const ranges = {
    window: [16, 1e6],
    prompts: [1, 1e4],
    wrongWeight: [1e-3, 1e3],
    epochs: [1, 1e4],
    learningRate: [1e-9, 1e3],
  };
  const shares = { likely: [unlikely, 1], unlikely: [0, 1] };
  const values = { window, prompts, wrongWeight, epochs, learningRate, likely, unlikely };
  for (const [name, [least, most]] of Object.entries({ ...ranges, ...shares }) as [
    keyof typeof values,
    [number, number],
  ][]) {
    const value = values[name];
    if (typeof value !== 'number') throw wrongType(name, 'a number', value);
    if (!(value >= least && value <= most)) throw outOfRange(name, `${least}..${most}`, value);
    if (['window', 'prompts', 'epochs'].includes(name) && !Number.isInteger(value))
      throw outOfRange(name, 'a whole number', value);
  }
  if (!Array.isArray(thresholds) || thresholds.some((threshold) => typeof threshold !== 'number')) {
    throw wrongType('thresholds', 'a list of numbers', thresholds);
  }
}
