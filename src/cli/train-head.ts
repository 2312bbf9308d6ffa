/**
 * `foretoken train head`: draft heads for a model, trained from texts.
 * @module
 */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { ForetokenError, quote } from '../errors.ts';
import { HEAD_KINDS, type HeadKind } from '../heads/format.ts';
import type { HeadType } from '../train/heads/head-files.ts';
import type { HeadLoss } from '../train/heads/head-graph.ts';
import type { StateCache } from '../train/heads/state-cache.ts';
import { estimateHeadTraining, type TrainHeadOptions, trainHead } from '../train/heads/train-head.ts';
import { command } from './command.ts';
import { duration, headCard, headCharts } from './head-card.ts';
import { DEFAULT_MODEL, loadOptions, MODEL_OPTIONS } from './model.ts';
import type { OptionTable, OptionValues } from './options.ts';
import { bytesText, counted, figure } from './table.ts';
import type { Terminal } from './terminal.ts';
import { readTrainingData } from './training-data.ts';
import { expectNothing } from './write-file.ts';

const CHECKPOINT = 'checkpoint.safetensors';
const MOST_PLACES = 2 ** 16;

const { model, dtype, kv, threads, 'peer-tokenizer': peer } = MODEL_OPTIONS;
const OPTIONS = {
  kind: { kind: 'text', value: 'KIND', help: HEAD_KINDS.join(', ') },
  model,
  data: { kind: 'texts', value: 'FILES', help: 'texts to train on: a file or a folder; may be given several times' },
  out: { kind: 'text', value: 'DIR', help: 'the folder to write; it must not exist, unless the run is resumed' },
  heads: { kind: 'integer', value: 'K', help: "tokens behind the target's own that are guessed; default 4" },
  layers: { kind: 'integer', value: 'N', help: 'residual blocks; default 1, recurrent 2, hydra++ 4' },
  'draft-vocab': {
    kind: 'integer',
    value: 'N',
    help: 'guess among the N most frequent tokens of the data; default all',
  },
  tied: { kind: 'flag', help: "keep the target's output layer; the head stores none" },
  distill: {
    kind: 'text',
    value: 'KIND',
    help: "learn the target's probabilities by forward-kl, reverse-kl, jsd or tvd, or text: the tokens themselves;\ndefault text, forward-kl for hydra++",
  },
  beta: { kind: 'number', value: 'B', help: "the teacher's part in jsd; default 0.5" },
  decay: { kind: 'number', value: 'D', help: 'head i counts D^i times; default 0.8 for medusa, else 1' },
  'on-policy': { kind: 'flag', help: 'the target writes the texts itself, from the beginnings of those given' },
  temperature: { kind: 'number', value: 'T', help: 'of its writing; default 0.3' },
  steps: { kind: 'integer', value: 'N', help: 'updates; default 1000' },
  batch: { kind: 'integer', value: 'N', help: 'windows of an update; default 4' },
  length: { kind: 'integer', value: 'N', help: 'tokens of a window; default 256' },
  lr: { kind: 'number', value: 'RATE', help: 'learning rate at its peak; default 1e-3' },
  'weight-decay': { kind: 'number', value: 'W', help: 'default 0' },
  'held-out': { kind: 'integer', value: 'N', help: 'windows that are kept to measure on; default 16' },
  seed: { kind: 'integer', value: 'N', help: 'default 0: the same seed and data give the same bits' },
  stored: {
    kind: 'text',
    value: 'TYPE',
    help: 'how the head is stored: q8 (default where the widths allow it), bf16 or f32',
  },
  cache: {
    kind: 'text',
    value: 'DIR',
    help: "keep the target's hidden states there, for further epochs and other heads",
  },
  'checkpoint-every': { kind: 'integer', value: 'N', help: 'updates between two checkpoints; default 50' },
  'evaluate-every': {
    kind: 'integer',
    value: 'N',
    help: 'updates between two measurements; default a twentieth of all',
  },
  resume: { kind: 'flag', help: 'go on from the checkpoint in DIR: give the same options again' },
  ...{ dtype, kv, threads, 'peer-tokenizer': peer },
} as const satisfies OptionTable;

export const trainHeadCommand = command({
  name: 'train head',
  summary: 'trains draft heads for a model',
  usage: '--kind KIND --data FILES --out DIR [OPTIONS]',
  options: OPTIONS,
  positionals: MOST_PLACES,
  notes: `Heads guess several tokens at once, which the model then checks. They are trained from texts of the kind that it will write; more FILES
may follow without --data. ctrl-C saves, and --resume goes on, also after a kill, to the same bits. DIR gets config.json, model.safetensors, a card and curves.

  foretoken train head --kind medusa --data src --out my-heads --draft-vocab 1024
  foretoken train head --kind hydra --model my-model --data notes.md --on-policy --out my-heads --steps 200`,
  async run({ options, positionals: files }, terminal) {
    const { kind, out, data = [] } = options;
    if (kind === undefined) throw new ForetokenError('usage.option', `--kind: expected ${HEAD_KINDS.join(', ')}`);
    if (out === undefined) throw new ForetokenError('usage.option', '--out: give the folder to write');
    const places = [...data, ...files];
    if (places.length === 0) throw new ForetokenError('usage.option', '--data: give texts to train on');
    await train(out, places, { ...recipeOf(options), kind: kind as HeadKind }, options, terminal); // the library refuses other kinds
  },
});

type Recipe = Omit<TrainHeadOptions, 'texts'>;

/** Options of the command as those of the library, which refuses what they must not be. */
function recipeOf(options: OptionValues<typeof OPTIONS>): Omit<Recipe, 'kind'> {
  const { lr, distill, tied, stored, temperature } = options;
  const named = {
    heads: options.heads,
    layers: options.layers,
    draftVocab: options['draft-vocab'],
    ...{ beta: options.beta, decay: options.decay, steps: options.steps, batch: options.batch, length: options.length },
    learningRate: lr,
    weightDecay: options['weight-decay'],
    heldOut: options['held-out'],
    seed: options.seed,
    loss: distill as HeadLoss | undefined,
    stored: stored as HeadType | undefined,
    tied,
    onPolicy: options['on-policy'] ? { ...(temperature !== undefined && { temperature }) } : undefined,
    evaluateEvery: options['evaluate-every'],
    checkpointEvery: options['checkpoint-every'],
  };
  if (temperature !== undefined && !options['on-policy']) {
    throw new ForetokenError('usage.option', '--temperature: only with --on-policy');
  }
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}

async function train(
  out: string,
  places: readonly string[],
  recipe: Recipe,
  options: OptionValues<typeof OPTIONS>,
  terminal: Terminal,
): Promise<void> {
  const { model: name = DEFAULT_MODEL, cache, resume } = options;
  const { signal } = terminal;
  if (!resume) await expectNothing(out);
  const { signal: _, onProgress: __, threads: count, ...load } = loadOptions(options, terminal);
  const run = {
    ...recipe,
    load,
    memoryLimit: process.availableMemory(),
    ...(count !== undefined && { threads: count }),
  };
  const memory = await estimateHeadTraining(name, run);
  terminal.note(`memory: ${bytesText(memory.training)} for training, ${bytesText(memory.target)} for the model`);
  const { texts, bytes, skipped } = await readTrainingData(places, signal);
  const leftOut = skipped > 0 ? `; without ${counted(skipped, 'file')} of no text` : '';
  terminal.note(`${counted(texts.length, 'text')}, ${bytesText(bytes)}${leftOut}`);
  const checkpoint = resume ? await readCheckpointFile(join(out, CHECKPOINT)) : undefined;

  let saved = false;
  const head = await trainHead(name, {
    ...{ ...run, texts, signal, ...progressOn(terminal) },
    ...(checkpoint && { resume: checkpoint }),
    ...(cache !== undefined && { cache: folderCache(cache) }),
    async onCheckpoint(state) {
      await writeInto(out, CHECKPOINT, state);
      saved = true;
    },
  }).catch((error: unknown) => {
    if (signal.aborted && saved) terminal.note(`saved in ${out}: the same command with --resume goes on`);
    throw error;
  });

  const words = process.argv.slice(2).filter((word) => word !== '--resume');
  const card = headCard(head, {
    model: name,
    data: places,
    ...{ dataFiles: texts.length, dataBytes: bytes },
    command: `foretoken ${words.join(' ')}`,
    machine: `${count ?? 1} of ${availableParallelism()} threads of ${cpus()[0]?.model ?? 'an unknown processor'}`,
  });
  const files = [...head.files, ...headCharts(head), ['README.md', card] as const];
  for (const [file, content] of files) await writeInto(out, file, content);
  await rm(join(out, CHECKPOINT), { force: true });
  const { evaluations, seconds } = head.history;
  const tokens = figure(evaluations.at(-1)!.chainLength);
  await terminal.write(`${out}: ${recipe.kind} heads, ${tokens} tokens a pass, ${duration(seconds)}\n`);
}

/** A live line after every update, and a line that stays after every measurement. */
function progressOn(terminal: Terminal): Pick<TrainHeadOptions, 'onProgress' | 'onEvaluation'> {
  /** Of the last measurement; a run that goes on has none yet. */
  let measured: string[] = [];
  return {
    onProgress({ step, steps, loss, tokensPerSecond, secondsLeft }) {
      const parts = [`step ${step} of ${steps}`, `loss ${figure(loss)}`, ...measured];
      terminal.status(() =>
        [...parts, `${figure(tokensPerSecond)} tokens/s`, `${duration(secondsLeft)} left`].join(', '),
      );
    },
    onEvaluation({ step, loss, accuracy, chainLength }) {
      const best = accuracy.map(([first]) => `${Math.round(100 * first!)}%`).join(' ');
      measured = [`${figure(chainLength)} tokens a pass`];
      terminal.note(`step ${step}: held-out loss ${figure(loss)}, accepted ${best}, ${measured[0]}`);
    },
  };
}

async function readCheckpointFile(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw new ForetokenError('source.missing', `${quote(path)}: there is no checkpoint to go on from`, { cause });
  }
}

/** Writes a file of a folder under another name first, so that a kill leaves the old one or the new one. */
async function writeInto(folder: string, name: string, content: Uint8Array | string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, name);
  await writeFile(`${path}.part`, content);
  await rename(`${path}.part`, path);
}

/** A file for each window. */
function folderCache(folder: string): StateCache {
  return {
    get: (name) => readFile(join(folder, name)).catch(() => undefined),
    set: (name, bytes) => writeInto(folder, name, bytes),
  };
}
