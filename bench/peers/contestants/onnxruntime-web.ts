/**
 * onnxruntime-web, its wasm build, in Node or a page.
 * @module
 */
import { env, InferenceSession, Tensor } from 'onnxruntime-web';
import type { Contestant, Job } from './contestant.ts';
import { onnxDecoder } from './onnx-decoder.ts';

export async function load({ shape, threads, model }: Job): Promise<Contestant> {
  env.wasm.numThreads = threads;
  const session = await InferenceSession.create(await read(model), {
    executionProviders: ['wasm'],
    logSeverityLevel: 3,
  });
  return onnxDecoder({ session, Tensor, shape });
}

/** @param model a path in Node, an address in a page */
async function read(model: string): Promise<Uint8Array> {
  if ('window' in globalThis) return new Uint8Array(await (await fetch(model)).arrayBuffer());
  const { readFile } = await import('node:fs/promises');
  return readFile(model);
}
