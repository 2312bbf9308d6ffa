/**
 * Loading a draft head: every check first, then memory of exactly the planned size, then the weights.
 * @module
 */
import { checkNames, outOfRange, wrongType } from '../check-options.ts';
import { createEngine, type Engine, type Machine } from '../engine/engine.ts';
import { chooseThreads, type ThreadsOption } from '../engine/threads.ts';
import { quote } from '../errors.ts';
import { type FolderInput, openFolder } from '../formats/folder.ts';
import { checkWeights, type LoadProgress, loadWeights } from '../model/load-weights.ts';
import { type MemoryPlan, misfit, type WeightType } from '../model/memory-plan.ts';
import { TransformerModel } from '../model/transformer-model.ts';
import type { HeadConfig, HeadKind } from './format.ts';
import { Head, type HeadInput, limitsOf } from './head.ts';
import { HeadDrafter } from './head-drafter.ts';
import { HeadPasses } from './head-passes.ts';
import { fits, type HeadPlan, planHead } from './head-plan.ts';
import { hydra } from './hydra.ts';
import { medusa } from './medusa.ts';
import { openHead, type OpenHead } from './open-head.ts';
import { PrefixLayer, planPrefix, prefixModel, prefixWeights } from './prefix-layer.ts';
import { recurrent } from './recurrent.ts';
import { beamTree, type HeadTree, likeliestTree } from './trees.ts';

export interface HeadOptions {
  /** How the head's own weights are held. Default as they are stored where that is in blocks, q8 where every width is a multiple of 32, else f32. */
  readonly dtype?: WeightType;
  /** How trees grow. Default `beamTree()` for recurrent heads, else `likeliestTree()`. */
  readonly tree?: HeadTree;
  /** Threads of the head's own, as for `load`. Default 1. */
  readonly threads?: ThreadsOption;
  /** Default: `await createEngine()`. */
  readonly engine?: Engine;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** A loaded model, as far as a head needs it. */
export interface HeadTarget {
  readonly transformer: TransformerModel;
}

const OPTIONS: readonly (keyof HeadOptions)[] = ['dtype', 'tree', 'threads', 'engine', 'signal', 'onProgress'];
const TYPES: readonly WeightType[] = ['f32', 'bf16', 'f16', 'q8', 'q4'];
const INPUTS: Readonly<Record<HeadKind, HeadInput>> = { medusa, hydra, 'hydra++': hydra, recurrent };

/**
 * Loads a draft head for a model. It has memory of its own, also for copies of the model's embedding, or output layer, where it reads them; one head
 * drafts for one generation at a time.
 *
 * @param source folder of the head: path, URL, files by name (docs/heads.md has the formats)
 * @throws {ForetokenError} before any memory is reserved: `option.*`; what `openHead` states for the folder; `config.unsupported`, `config.shape` when widths
 *   do not fit the kernels or tensors the configuration; then `memory.*`, `engine.*`, `file.nonfinite`
 * @throws the signal's reason, once it aborts
 * @example
 * const head = await loadHead('heads/hydra', model);
 * model.generate(prompt, { draft: ['auto', head] });
 */
export async function loadHead(
  source: FolderInput,
  target: HeadTarget,
  options: HeadOptions = {},
): Promise<HeadDrafter> {
  checkOptions(options);
  const { transformer } = target;
  const { signal } = options;
  const folder = await openFolder(source, signal ? { signal } : {});
  try {
    const head = await openHead(folder, transformer.config, signal);
    return await loadOpened(head, transformer, options);
  } finally {
    folder.close?.();
  }
}

async function loadOpened(
  { config, layout, tensors, draftVocab }: OpenHead,
  target: TransformerModel,
  options: HeadOptions,
): Promise<HeadDrafter> {
  const { kind } = config;
  const { dtype = defaultType(config), tree = kind === 'recurrent' ? beamTree() : likeliestTree() } = options;
  const limits = limitsOf(config);
  const grow = tree.start(limits);
  const { context, maxNodes } = target.plan.options;
  const threads = chooseThreads(options, () => 0).threads;
  // A prefix layer has a memory of its own, the first.
  const prefixPlan = layout.prefix && planPrefix(config, layout.prefix, dtype, { context, maxNodes, threads });
  const plan = planHead(config, layout, dtype, target.plan.weights, prefixPlan ? 1 : 0);
  const plans = [...(prefixPlan ? prefixWeights(prefixPlan) : []), ...plan.weights];
  const weights = checkWeights(plans, tensors, config.quantization);

  const engine = options.engine ?? (await createEngine());
  const sizes = [...(prefixPlan?.stages ?? []), plan].map(({ bytes }) => bytes);
  const machines =
    threads > 1 ? await engine.createTeam!(sizes, threads) : sizes.map((bytes) => engine.createMachine(bytes));
  const dispose = () => {
    for (const machine of machines) machine.dispose();
  };
  try {
    const memories = machines.map(({ memory }) => memory);
    await loadWeights(memories, weights, options);
    for (const machine of machines) await machine.ready();
    copyTables(target, plan, memories.at(-1)!);
  } catch (error) {
    dispose();
    throw error;
  }
  const head = new Head(config.hidden, new HeadPasses(machines.at(-1)!, plan, draftVocab), INPUTS[kind]);
  const prefix = prefixPlan && prefixLayer(machines[0]!, config, prefixPlan);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return new HeadDrafter({ kind, head, prefix, mostRanks: limits.mostRanks, grow, bytes, dispose });
}

function prefixLayer(machine: Machine, config: HeadConfig, plan: MemoryPlan): PrefixLayer {
  return new PrefixLayer(new TransformerModel([machine], prefixModel(config), plan).session());
}

/** Packed tables are the same bytes wherever they lie. */
function copyTables(target: TransformerModel, { copies }: HeadPlan, memory: WebAssembly.Memory): void {
  for (const { from, to } of copies) {
    const source = new Uint8Array(target.machines[from.stage]!.memory.buffer, from.address, to.bytes);
    new Uint8Array(memory.buffer, to.address, to.bytes).set(source);
  }
}

function defaultType(config: HeadConfig): WeightType {
  const fitsBlocks = fits(config, 'q8') && (!config.prefix || misfit(prefixModel(config), 'q8') === undefined);
  return fitsBlocks ? (config.quantization?.format ?? 'q8') : 'f32';
}

/** @throws {ForetokenError} `option.unknown`, `option.type`, `option.range` */
function checkOptions(options: HeadOptions): void {
  checkNames(options, OPTIONS);
  const { dtype, tree } = options;
  if (dtype !== undefined && typeof dtype !== 'string') throw wrongType('dtype', 'a string', dtype);
  if (dtype !== undefined && !TYPES.includes(dtype))
    throw outOfRange('dtype', TYPES.map(quote).join(' or '), quote(dtype));
  if (tree !== undefined && typeof tree?.start !== 'function') {
    throw wrongType('tree', 'what likeliestTree, fixedTree or beamTree returns', tree);
  }
}
