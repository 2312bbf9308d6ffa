/**
 * onnxruntime-node: native onnxruntime.
 * @module
 */
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Contestant, Job } from './contestant.ts';
import { onnxDecoder } from './onnx-decoder.ts';

export async function load({ shape, threads, model }: Job): Promise<Contestant> {
  const session = await InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  return onnxDecoder({ session, Tensor, shape });
}
