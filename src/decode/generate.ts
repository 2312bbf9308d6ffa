/**
 * The decoding loop. Plain decoding is the same loop over trees of one node.
 *
 *   prefill   all of the prompt but its last token goes into the cache; that token is the first root
 *   propose   drafters guess a tree below the root                      ┐
 *   prune     the scheduler keeps the part that pays                    │
 *   forward   the target reads all nodes in one pass                    │ until the
 *   walk      from the root down, token by token: the verifier names    │ output ends
 *             the target's next token, and the child with it is taken   │
 *   commit    the walked path stays in the cache; the last token        │
 *             named is the next root                                    ┘
 *
 * After every pass the cache and the history are those of plain decoding after the same tokens.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { exactMatch } from '../verify/exact-match.ts';
import type { Verifier } from '../verify/verifier.ts';
import type { Target, TargetRows } from '../model/target.ts';
import { Breather } from '../runtime/breathe.ts';
import { rootOnly, type DraftTree } from '../tree/draft-tree.ts';
import type { DraftSampling } from '../tree/draft-tree.ts';
import { clipDepth } from '../tree/prune.ts';
import type { TextTokenizer } from '../text/text-tokenizer.ts';
import type { DraftPlan, Drafting } from './drafting.ts';
import { fillCache } from './fill-cache.ts';
import { fixedScheduler } from './fixed-scheduler.ts';
import { Generation } from './generation.ts';
import { checkOptions, type GenerateOptions, type Settings } from './options.ts';
import { Output, type Piece, type StreamingDetokenizer } from './output.ts';
import type { Queue } from './queue.ts';
import { StatsRecorder } from './stats.ts';
import type { TokenCache } from './token-cache.ts';

/** What a generation runs on. Hosts of one model, one for each session, share `queue` and `drafting`. */
export interface Host {
  readonly cache: TokenCache;
  readonly queue: Queue;
  readonly drafting: Drafting;
  /** Ids that end the output. */
  readonly endTokens: readonly number[];
  /** Absent for a model without a tokenizer: then the text stays empty. */
  readonly detokenizer?: () => StreamingDetokenizer;
  /** Absent likewise. */
  readonly tokenizer?: TextTokenizer;
}

/** A generation under way. */
interface Run {
  readonly host: Host;
  readonly settings: Settings;
  /** Made when the turn has come, and then the same. */
  plan: DraftPlan;
  /** The caller's, or made when the turn has come. */
  verifier: Verifier;
  /** Loaded when somebody asks for log probabilities. */
  logprobsAt?: typeof import('./logprobs.ts')['logprobsAt'];
  /** Prompt and output: the last token is the next root. */
  readonly history: number[];
  readonly output: Output;
  /** Belongs to the plan's sources. */
  stats: StatsRecorder;
}

const UNPLANNED: DraftPlan = { proposer: undefined, scheduler: fixedScheduler(1) };

/**
 * Generates tokens after a prompt. Nothing runs before the result is first iterated or asked for its text; from then on the model is
 * taken until the generation has ended, failed, or been broken off.
 *
 * @param prompt token ids, 1..context of them
 * @throws {ForetokenError} `prompt.*` and `option.*` at once; while iterating `session.busy`, `drafter.failed`, `drafter.tree`, `tree.draws`,
 *   `logits.finite`, and for the plan what `Drafting.plan` states. The model stays usable after each
 * @throws the signal's reason, while iterating, once it aborts
 */
export function generate<S extends DraftSampling>(
  host: Host,
  prompt: ArrayLike<number>,
  options?: GenerateOptions<S>,
): Generation {
  const settings = checkOptions(options);
  const { sampling, seed } = settings;
  if (settings.stop.length > 0 && !host.detokenizer) {
    throw new ForetokenError('option.stop', 'stop strings need a tokenizer, and this model has none');
  }
  const { target } = host.cache;
  const history = checkPrompt(prompt, target);
  host.drafting.check(settings);
  const verifier = settings.verifier?.create(settings, target.vocab) ?? exactMatch();
  const output = new Output(settings, host.endTokens, host.detokenizer?.());
  const run: Run = { host, settings, plan: UNPLANNED, verifier, history, output, stats: new StatsRecorder([]) };
  const describe = () => {
    const { scheduler, proposer } = run.plan;
    const schedule = [scheduler.explain(), ...(proposer?.notes ?? [])].join('; ');
    return run.stats.result(schedule, sampling.temperature > 0 ? seed : undefined);
  };
  return new Generation(decode(run), output, describe);
}

/** @throws {ForetokenError} `prompt.type`, `prompt.length`, `prompt.token` */
export function checkPrompt(prompt: ArrayLike<number>, { vocab, context }: Target): number[] {
  const length = (prompt as ArrayLike<number> | null | undefined)?.length;
  if (typeof prompt !== 'object' || !Number.isInteger(length)) {
    throw new ForetokenError('prompt.type', 'the prompt must be an array of token ids');
  }
  if (length! < 1 || length! > context) {
    throw new ForetokenError('prompt.length', `a prompt of ${length} tokens: expected 1..${context}, the context`);
  }
  return Array.from(prompt, (token, i) => {
    if (Number.isInteger(token) && token >= 0 && token < vocab) return token;
    const got = typeof token === 'number' ? token : typeof token;
    throw new ForetokenError('prompt.token', `prompt token ${i} is ${got}: expected an integer, 0..${vocab - 1}`);
  });
}

/** What only some texts need is loaded before the first token: processed logits, draws keyed by seed and position, log probabilities. */
async function choose(run: Run): Promise<void> {
  const { settings, host } = run;
  const { sampling, seed, logprobs, verifier } = settings;
  if (logprobs !== undefined) run.logprobsAt = (await import('./logprobs.ts')).logprobsAt;
  if (verifier || (sampling.temperature === 0 && sampling.repetitionPenalty === 1)) return;
  const { ownVerifier } = await import('../verify/own-verifier.ts');
  run.verifier = ownVerifier(sampling, seed, host.cache.target.vocab);
}

async function* decode(run: Run): AsyncGenerator<Piece, void, undefined> {
  const { host, settings, history, output } = run;
  const { signal, onProgress, maxTokens } = settings;
  const release = await host.queue.acquire(signal);
  try {
    await host.cache.target.ready?.();
    await choose(run);
    const plan = (run.plan = await host.drafting.plan(settings, host.tokenizer));
    run.stats = new StatsRecorder(plan.proposer?.sources ?? []);
    // An abort meanwhile has given the turn away.
    signal?.throwIfAborted();
    const breather = new Breather();
    const prompt = Int32Array.from(history);
    await prefill(run, prompt, breather);
    plan.proposer?.begin(prompt, settings.seed);
    while (!output.finishReason) {
      if (signal?.aborted) throw signal.reason;
      await step(run);
      onProgress?.({ phase: 'decode', done: output.tokens.length, total: maxTokens });
      // Who holds the last piece may begin the next call.
      if (output.finishReason) release();
      yield output.takePiece();
      await breather.due();
    }
  } finally {
    output.end('abort');
    release();
  }
}

/** Brings the cache to the prompt without its last token; what it holds already is kept. */
async function prefill({ host, plan, settings, stats }: Run, prompt: Int32Array, breather: Breather): Promise<void> {
  const { signal, onProgress } = settings;
  const started = performance.now();
  stats.cachedTokens = await fillCache(host.cache, prompt, breather, {
    before: () => signal?.throwIfAborted(),
    read: (start, count, rows) => plan.proposer?.prefill({ prompt, start, count, rows }),
    after: (done, total) => onProgress?.({ phase: 'prefill', done, total }),
  });
  stats.promptTokens = prompt.length;
  stats.prefillMs = stats.totalMs = performance.now() - started;
}

/** One pass: from one root to the next. */
async function step(run: Run): Promise<void> {
  const { host, plan, settings, stats } = run;
  const { target } = host.cache;
  const started = performance.now();
  const tree = await draft(run);
  // An abort while the drafter thought has given the turn, and so the cache, to the next call.
  settings.signal?.throwIfAborted();

  const drafted = performance.now();
  const rows = target.forward(tree, tree.tokens.length > 1 ? 'all' : 'last');
  const { path, emitted } = walk(run, tree, rows);
  host.cache.commit(tree, path);

  const passed = performance.now();
  const record = { tree, path, emitted, history: run.history, rows };
  plan.proposer?.observe(record);
  const passMs = passed - drafted;
  const draftMs = drafted - started + (performance.now() - passed);
  const timing = { draftMs, passMs };
  plan.scheduler.observe(record, timing);
  stats.pass(record);
  stats.draftMs += draftMs;
  stats.passMs += passMs;
  stats.totalMs += performance.now() - started;
  plan.report?.(record, timing, plan.proposer?.sources ?? []);
}

/** The tree of the next pass, no deeper than the context and the output have room for. */
async function draft({ host, plan, history, output }: Run): Promise<DraftTree> {
  const { proposer, scheduler } = plan;
  const { target } = host.cache;
  const root = history[history.length - 1]!;
  const deepest = Math.min(target.context - target.length, output.room) - 1;
  if (!proposer || deepest < 1) return rootOnly(root);
  const nodes = scheduler.budget();
  if (nodes < 2) return rootOnly(root);
  const proposal = await proposer.propose({ nodes, root, vocab: target.vocab });
  return scheduler.prune(clipDepth(proposal, deepest));
}

/**
 * Follows the tokens that the target chooses down the tree, adding each to the output, until the output ends or no child carries the
 * chosen token. The path holds the nodes after which a token was chosen: those whose positions plain decoding would have filled.
 */
function walk(run: Run, tree: DraftTree, rows: TargetRows): { path: Int32Array; emitted: Int32Array } {
  const { host, settings, verifier, logprobsAt, history, output } = run;
  const { target } = host.cache;
  const { logprobs } = settings;
  const path: number[] = [];
  const emitted: number[] = [];
  for (let node = 0; node >= 0 && !output.finishReason; ) {
    const { token, child } = verifier.decide(tree, node, rows, history);
    path.push(node);
    emitted.push(token);
    history.push(token);
    output.add(token, logprobsAt?.(rows, node, token, logprobs!));
    if (target.length + path.length === target.context) output.end('length');
    node = child;
  }
  return { path: Int32Array.from(path), emitted: Int32Array.from(emitted) };
}
