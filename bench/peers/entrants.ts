/**
 * Who takes part.
 * @module
 */
import { type Contestant, type Job, NotOffered } from './contestants/contestant.ts';
import { type Format, modelPath, type Precision } from './formats/model-files.ts';
import type { Loaded } from './hosts/loaded.ts';
import { openPages, type Pages } from './hosts/page.ts';
import { loadInProcess } from './hosts/process.ts';

export interface Entrant {
  /** For options. */
  readonly name: string;
  /** For tables. */
  readonly label: string;
  /** File in contestants/. */
  readonly module: string;
  readonly format: Format;
  readonly host: 'process' | 'page';
  /** What the library calls each precision. */
  readonly types: Readonly<Record<Precision, string>>;
}

const OWN_TYPES = { f32: 'f32', q8: 'q8', q4: 'q4' };
const GGUF_TYPES = { f32: 'F32', q8: 'Q8_0', q4: 'Q4_0' };
const ONNX_TYPES = { f32: 'f32', q8: 'int8 dynamic', q4: '4-bit MatMulNBits' };

export const ENTRANTS: readonly Entrant[] = [
  entrant('foretoken', 'Foretoken, wasm (Node)', 'foretoken', 'safetensors', 'process', OWN_TYPES),
  entrant('foretoken-plain', 'Foretoken, plain wasm (Node)', 'foretoken-plain', 'safetensors', 'process', OWN_TYPES),
  entrant('foretoken-page', 'Foretoken, wasm (Chromium)', 'foretoken', 'safetensors', 'page', OWN_TYPES),
  entrant('wllama', 'wllama, wasm (Chromium)', 'wllama', 'gguf', 'page', GGUF_TYPES),
  entrant('onnxruntime-web', 'onnxruntime-web, wasm (Node)', 'onnxruntime-web', 'onnx', 'process', ONNX_TYPES),
  entrant('onnxruntime-page', 'onnxruntime-web, wasm (Chromium)', 'onnxruntime-web', 'onnx', 'page', ONNX_TYPES),
  entrant('tfjs', 'tfjs, wasm (Node), products only', 'tfjs', 'safetensors', 'process', OWN_TYPES),
  entrant('llama-cpp', 'llama.cpp, native', 'llama-cpp', 'gguf', 'process', GGUF_TYPES),
  entrant('onnxruntime-node', 'onnxruntime-node, native', 'onnxruntime-node', 'onnx', 'process', ONNX_TYPES),
];

function entrant(
  name: string,
  label: string,
  module: string,
  format: Format,
  host: Entrant['host'],
  types: Entrant['types'],
): Entrant {
  return { name, label, module, format, host, types };
}

/** @param names of ENTRANTS, or `all` */
export function chooseEntrants(names: string): readonly Entrant[] {
  if (names === 'all') return ENTRANTS;
  return names.split(',').map((name) => {
    const found = ENTRANTS.find((candidate) => candidate.name === name);
    if (!found) throw new Error(`no contestant ${name}: expected ${ENTRANTS.map((known) => known.name).join(', ')}`);
    return found;
  });
}

/** Loads entrants; the browser is started for the first that needs it. */
export class Stable {
  #pages: Promise<Pages> | undefined;

  /** @returns why not, where a library does not offer what the job asks for */
  async load({ module, host, format }: Entrant, job: Omit<Job, 'model'>): Promise<Loaded | NotOffered> {
    const whole: Job = { ...job, model: modelPath(job.shape, format, job.precision) };
    try {
      if (host === 'process') return await loadInProcess(module, whole);
      this.#pages ??= openPages();
      return await (await this.#pages).load(module, whole);
    } catch (error) {
      if (error instanceof NotOffered) return error;
      throw error;
    }
  }

  async close(): Promise<void> {
    await (await this.#pages)?.close();
  }
}

/** Does the library have a transformer? */
export function generates(contestant: Contestant): contestant is Contestant & Required<Pick<Contestant, 'generate'>> {
  return contestant.generate !== undefined;
}
