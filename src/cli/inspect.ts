/**
 * `foretoken inspect`: what a model is made of and what it will need, without reading its weights.
 * @module
 */
import { ForetokenError } from '../errors.ts';
import { openSource } from '../formats/folder.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import type { TensorDescription, Tensors } from '../formats/tensors.ts';
import { type OpenModel, openModel, readTokenizer } from '../load.ts';
import { planFor } from '../model/load-transformer.ts';
import { type KvType, misfit, type WeightType } from '../model/memory-plan.ts';
import { command } from './command.ts';
import { hubOptions } from './hub.ts';
import { MODEL_OPTIONS } from './model.ts';
import type { OptionValues } from './options.ts';
import { bytesText, countText, table } from './table.ts';

/** Bytes that loading with one session on one thread takes. */
interface MemoryEstimate {
  readonly dtype: WeightType;
  /** Type of keys and values. */
  readonly kv: KvType;
  readonly context: number;
  readonly weights: number;
  readonly cache: number;
  readonly pass: number;
  /** The part of `pass` that each further thread adds. */
  readonly thread: number;
  readonly total: number;
  /** How many memories it is split over. */
  readonly memories: number;
}

interface TokenizerSummary {
  readonly kind: string;
  readonly vocab: number;
  readonly addedTokens: number;
}

/** What `--json` prints. A single file has tensors only. */
interface Inspection {
  readonly config?: ModelConfig;
  readonly tokenizer?: TokenizerSummary | undefined;
  /** Bytes of the chat template. */
  readonly chatTemplateBytes?: number | undefined;
  readonly memory?: readonly MemoryEstimate[];
  readonly parameters: number;
  readonly dtypes: Readonly<Record<string, { readonly tensors: number; readonly bytes: number }>>;
  readonly tensors: readonly Pick<TensorDescription, 'name' | 'dtype' | 'shape' | 'bytes'>[];
}

/** Options that memory depends on. */
type MemoryChoice = Pick<OptionValues<typeof MODEL_OPTIONS>, 'kv' | 'context'>;

const DTYPES: readonly WeightType[] = ['q4', 'q8', 'f16', 'bf16', 'f32'];
/** Contexts that memory is estimated for, besides the model's own. */
const CONTEXTS = [512, 2048];

export const inspectCommand = command({
  name: 'inspect',
  summary: 'tells what a model is made of and how much memory it needs',
  usage: 'PATH [OPTIONS]',
  options: {
    kv: MODEL_OPTIONS.kv,
    context: { kind: 'integer', value: 'N', help: 'estimate memory for this context only' },
    json: { kind: 'flag', help: 'print one JSON object, with every tensor' },
  },
  positionals: 1,
  notes:
    "PATH is a model's folder, its base URL, an installed package of weights, a .gguf file, or one .safetensors file. Weights are not read.",
  async run({ options, positionals: [path] }, terminal) {
    if (path === undefined)
      throw new ForetokenError('usage.argument', 'no PATH given: a folder, a URL, a .gguf or a .safetensors file');
    const inspection = path.endsWith('.safetensors')
      ? await inspectFile(path, terminal.signal)
      : await inspectModel(path, options, terminal.signal);
    await terminal.write(`${options.json ? JSON.stringify(inspection) : describe(inspection)}\n`);
  },
});

async function inspectFile(path: string, signal: AbortSignal): Promise<Inspection> {
  const source = await openSource(path, { signal });
  return summarise((await readSafetensors(source, signal)).tensors);
}

async function inspectModel(path: string, options: MemoryChoice, signal: AbortSignal): Promise<Inspection> {
  const model = await openModel(path, signal, hubOptions());
  try {
    return {
      config: model.config,
      tokenizer: await summariseTokenizer(model),
      chatTemplateBytes: await chatTemplateBytes(model),
      memory: estimates(model.config, options),
      ...summarise(await model.readTensors()),
    };
  } finally {
    model.close();
  }
}

async function summariseTokenizer(model: OpenModel): Promise<TokenizerSummary | undefined> {
  const tokenizer = await readTokenizer(model);
  if (!tokenizer) return undefined;
  const { vocab, addedTokens, kind } = tokenizer;
  return { kind, vocab, addedTokens: addedTokens.length };
}

async function chatTemplateBytes(model: OpenModel): Promise<number | undefined> {
  const { template } = await model.chatFiles();
  return template === undefined ? undefined : new TextEncoder().encode(template).length;
}

function estimates(config: ModelConfig, { kv, context }: MemoryChoice): MemoryEstimate[] {
  const contexts =
    context === undefined ? new Set([...CONTEXTS.filter((size) => size < config.context), config.context]) : [context];
  const dtypes = DTYPES.filter((dtype) => misfit(config, dtype) === undefined);
  return dtypes.flatMap((dtype) =>
    [...contexts].map((positions) => {
      const plan = planFor(config, { dtype, context: positions, ...(kv !== undefined && { kv: kv as KvType }) });
      return {
        dtype,
        kv: plan.options.kv,
        context: positions,
        weights: plan.weightBytes,
        cache: plan.cacheBytes,
        pass: plan.passBytes,
        thread: plan.threadBytes,
        total: plan.bytes,
        memories: plan.stages.length,
      };
    }),
  );
}

function summarise(tensors: Tensors): Pick<Inspection, 'parameters' | 'dtypes' | 'tensors'> {
  const list = [...tensors.values()];
  const dtypes: Record<string, { tensors: number; bytes: number }> = {};
  for (const { dtype, bytes } of list) {
    const sum = (dtypes[dtype] ??= { tensors: 0, bytes: 0 });
    sum.tensors++;
    sum.bytes += bytes;
  }
  // The scales of a quantised matrix are how it is stored, not parameters of its own.
  const isScale = (name: string) => name.endsWith('.scale') && tensors.has(name.replace(/scale$/, 'q'));
  // Bytes of 4-bit blocks hold two.
  const isPair = ({ name, dtype }: TensorDescription) => dtype === 'U8' && tensors.has(name.replace(/q$/, 'scale'));
  const parametersOf = (tensor: TensorDescription) => (isPair(tensor) ? 2 : 1) * tensor.elements;
  const parameters = list.reduce((sum, tensor) => sum + (isScale(tensor.name) ? 0 : parametersOf(tensor)), 0);
  return { parameters, dtypes, tensors: list.map(({ name, dtype, shape, bytes }) => ({ name, dtype, shape, bytes })) };
}

function describe({
  config,
  tokenizer,
  chatTemplateBytes: template,
  memory,
  parameters,
  dtypes,
  tensors,
}: Inspection): string {
  const facts: string[][] = [];
  if (config) {
    facts.push(
      ['architecture', `${config.architecture}, ${config.layers} layers`],
      ['widths', `hidden ${config.hidden}, feed-forward ${config.intermediate}`],
      ['heads', `${config.queryHeads} query and ${config.kvHeads} key-value heads of ${config.headDim}`],
      [
        'vocabulary',
        `${countText(config.vocab)} tokens, output layer ${config.tied ? 'tied to the embedding' : 'of its own'}`,
      ],
      ['context', `${countText(config.context)} positions`],
      [
        'tokenizer',
        tokenizer
          ? `${tokenizer.kind}, ${countText(tokenizer.vocab)} tokens, ${tokenizer.addedTokens} of them added`
          : 'none',
      ],
      ['chat template', template === undefined ? 'none' : bytesText(template)],
    );
  }
  const mix = Object.entries(dtypes).map(
    ([dtype, { tensors: count, bytes }]) => `${dtype} ${bytesText(bytes)} in ${count} tensors`,
  );
  facts.push(['parameters', countText(parameters)], ['stored as', mix.join(', ')]);
  const width = Math.max(...facts.map(([name]) => name!.length)) + 2;
  const parts = [facts.map(([name, text]) => name!.padEnd(width) + text).join('\n')];
  if (memory) parts.push(memoryTable(memory));
  return [...parts, tensorTable(tensors)].join('\n\n');
}

function memoryTable(memory: readonly MemoryEstimate[]): string {
  const rows = memory.map(({ dtype, kv, context, weights, cache, pass, thread, total, memories }) => [
    dtype,
    countText(context),
    bytesText(weights),
    kv,
    ...[cache, pass, total].map(bytesText),
    countText(memories),
    bytesText(thread),
  ]);
  const head = ['memory', 'context', 'weights', 'kv', 'cache', 'pass', 'total', 'memories', 'more per thread'];
  return table([head, ...rows]);
}

/** The layers' tensors as one row each, where name, dtype and shape agree but for the layer's number. */
function tensorTable(tensors: Inspection['tensors']): string {
  const rows = new Map<string, { cells: string[]; count: number }>();
  for (const { name, dtype, shape } of tensors) {
    const cells = [name.replace(/\.\d+\./, '.*.'), dtype, shape.join(' x ')];
    const row = rows.get(cells.join(' ')) ?? { cells, count: 0 };
    row.count++;
    rows.set(cells.join(' '), row);
  }
  return table([
    ['tensors', 'dtype', 'shape', 'count'],
    ...[...rows.values()].map(({ cells, count }) => [...cells, String(count)]),
  ]);
}
