/**
 * Does llama.cpp compute the same as Foretoken, for every family? The checkpoints of test/fixtures/architectures go through our conversion to
 * GGUF, and llama.cpp, by node-llama-cpp, reads the file.
 * Usage: node bench/peers/architectures.ts [--write]   --write: the table of docs/architectures.md
 *        node bench/peers/architectures.ts NAME ...    these checkpoints, a line of JSON each
 *
 * Compared is the best token of each of 64 positions, but where the two best logits are nearer than 1e-4 of the row's largest; and how far
 * logits are from each other. In f32 llama.cpp is given a cache in f32; what it keeps in 16 bits all the same, tables of GELU among it, shows.
 * What aborts llama.cpp takes the process with it: checkpoints are run in one of their own, which is begun again behind such a one.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { getLlama, LlamaLogLevel, type Token } from 'node-llama-cpp';
import { convertedModel, type StoredType } from '../../src/convert/parts.ts';
import { toGguf } from '../../src/convert/to-gguf.ts';
import { loadParts, openModel } from '../../src/load.ts';
import { misfit } from '../../src/model/memory-plan.ts';
import { CHECKPOINTS, checkpointFiles, expectedOf } from '../../test/model/architecture-models.ts';
import { topGap, TOLERANCE } from '../../test/model/reference.ts';
import { repositoryFile } from '../../test/repository.ts';
import { fewTokenPairs } from './formats/tokens.ts';

const TYPES: readonly StoredType[] = ['f32', 'q8', 'q4'];
const CONTEXT = 256;
const DOCUMENT = repositoryFile('docs/architectures.md');
const [BEGIN, END] = ['<!-- llama.cpp: begin -->', '<!-- llama.cpp: end -->'];

/** Rows of logits, one for each position. */
type Logits = readonly Float32Array[];

/** How llama.cpp's logits compare with ours. */
interface Agreement {
  /** Positions with the same best token, of those whose two best are apart; and all of those. */
  readonly same: number;
  readonly clear: number;
  /** Largest difference of a row over the row's largest number, of all rows. */
  readonly largest: number;
}

/** What came of a checkpoint: by type, or why there is nothing. */
type Outcome = { readonly [Type in StoredType]?: Agreement } & { readonly refused?: string };

async function ours(file: Uint8Array, type: StoredType, prompt: Int32Array): Promise<Logits> {
  const { transformer } = await loadParts(file, { dtype: type, context: CONTEXT });
  const session = transformer.session();
  const rows = session.forward({ tokens: prompt, parents: prompt.map((_, i) => i - 1) }, 'all');
  return Array.from(prompt, (_, position) => rows.logits(position).slice());
}

async function theirs(path: string, vocab: number, prompt: Int32Array): Promise<Logits> {
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({
    contextSize: CONTEXT,
    sequences: 1,
    flashAttention: false,
    experimentalKvCacheKeyType: 'F32',
    experimentalKvCacheValueType: 'F32',
  });
  const input = Array.from(prompt, (token): [Token, object] => [token as Token, { generateNext: { logits: true } }]);
  const output = await context.getSequence().controlledEvaluate(input);
  const rows = output.map((each) => {
    const row = new Float32Array(vocab);
    for (const [token, logit] of each!.next.logits!) row[token] = logit;
    return row;
  });
  await model.dispose();
  return rows;
}

function compare(mine: Logits, other: Logits): Agreement {
  let [same, clear, largest] = [0, 0, 0];
  mine.forEach((row, position) => {
    const values = other[position]!;
    const scale = row.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (let i = 0; i < row.length; i++) largest = Math.max(largest, Math.abs(row[i]! - values[i]!) / scale);
    if (topGap(row) <= TOLERANCE) return;
    clear++;
    if (best(row) === best(values)) same++;
  });
  return { same, clear, largest };
}

const best = (row: Float32Array): number => row.indexOf(row.reduce((most, value) => Math.max(most, value)));

/** One checkpoint, in this process. */
async function compareCheckpoint(name: string): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'foretoken-agreement-'));
  const outcome: { [Type in StoredType]?: Agreement } = {};
  try {
    const { prompt } = expectedOf(name);
    const { config } = await openModel(checkpointFiles(name));
    for (const type of TYPES.filter((each) => each === 'f32' || misfit(config, 'q8') === undefined)) {
      const converted = await convertedModel(await openModel(checkpointFiles(name)), type);
      const pieces: Uint8Array[] = [];
      for await (const piece of toGguf(converted, fewTokenPairs(config.vocab))) pieces.push(piece.slice());
      const file = new Uint8Array(Buffer.concat(pieces));
      const path = join(folder, `${type}.gguf`);
      writeFileSync(path, file);
      outcome[type] = compare(await ours(file, type, prompt), await theirs(path, config.vocab, prompt));
    }
    return outcome;
  } catch (error) {
    return { ...outcome, refused: String((error as Error).message) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** All checkpoints, by name, in processes of their own. */
function outcomes(): ReadonlyMap<string, Outcome> {
  const found = new Map<string, Outcome>();
  while (found.size < CHECKPOINTS.length) {
    const rest = CHECKPOINTS.filter((name) => !found.has(name));
    const { stdout, status, signal } = spawnSync(process.execPath, [fileURLToPath(import.meta.url), ...rest], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    for (const line of stdout.split('\n').filter((each) => each.startsWith('{'))) {
      const { name, ...outcome } = JSON.parse(line);
      found.set(name, outcome);
    }
    const aborted = rest.find((name) => !found.has(name));
    if (aborted !== undefined) found.set(aborted, { refused: `llama.cpp ends the process (${signal ?? status})` });
  }
  return found;
}

function cells(agreement: Agreement | undefined): string[] {
  if (!agreement) return ['', ''];
  // As JSON, a number that is not finite is null.
  const largest = (agreement.largest as number | null)?.toExponential(1) ?? 'not finite';
  return [`${agreement.same} of ${agreement.clear}`, largest];
}

function table(): string {
  const found = outcomes();
  const rows = CHECKPOINTS.map((name) => {
    const outcome = found.get(name)!;
    const { refused = '' } = outcome;
    return [
      '',
      `\`${name}\``,
      ...TYPES.flatMap((type) => cells(outcome[type])),
      refused.split('\n')[0]!.slice(0, 120),
      '',
    ];
  });
  const head = ['', 'checkpoint', 'F32', 'logits', 'Q8_0', 'logits', 'Q4_0', 'logits', 'why not', ''];
  const rule = head.map((cell, i) => (cell === '' && (i === 0 || i === head.length - 1) ? '' : '---'));
  return [head, rule, ...rows].map((row) => row.join(' | ').trim()).join('\n');
}

const [argument, ...others] = process.argv.slice(2);
if (argument !== undefined && argument !== '--write') {
  for (const name of [argument, ...others]) console.log(JSON.stringify({ name, ...(await compareCheckpoint(name)) }));
  process.exit(0);
}
const written = table();
console.log(written);
if (argument === '--write') {
  const text = readFileSync(DOCUMENT, 'utf8');
  const [before, after] = [text.slice(0, text.indexOf(BEGIN)), text.slice(text.indexOf(END))];
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n${written}\n${after}`);
}
process.exit(0); // llama.cpp keeps threads
