/**
 * The training of a small Llama that test/fixtures/training/make.py has recorded: the same first weights, the same texts, the same updates.
 * @module
 */
import { readFileSync } from 'node:fs';
import type { Engine } from '../../src/engine/engine.ts';
import { createTrainer, type StepResult, type Trainer } from '../../src/train/trainer.ts';
import { random, randomFloats } from '../numbers.ts';
import { repositoryFile } from '../repository.ts';
import { plain } from './engines.ts';
import { batchOf, LAYERS, OPTIMIZER, ROWS, SEGMENTS, smallLlama, stream, UPDATES } from './small-llama.ts';

/** What PyTorch came to. */
export interface Curve {
  readonly parameters: number;
  readonly losses: readonly number[];
  readonly gradientNorms: readonly number[];
  readonly learningRates: readonly number[];
}

export const recorded = JSON.parse(readFileSync(repositoryFile('test/fixtures/training/curve.json'), 'utf8')) as Curve;

/** Names, behind a layer's, of its matrices in the order in which make.py draws them. */
const MATRICES = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj'];
const MLP = ['mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj'];

/** The first weights of make.py. */
function setWeights(trainer: Trainer): void {
  const next = random(11);
  const draw = (name: string) => {
    trainer.set(`${name}.weight`, randomFloats(next, trainer.get(`${name}.weight`).length, 0.05));
  };
  draw('model.embed_tokens');
  for (let layer = 0; layer < LAYERS; layer++) {
    for (const name of [...MATRICES, ...MLP]) draw(`model.layers.${layer}.${name}`);
  }
}

/** The first updates of the recorded run. */
export async function train(updates: number, engine: Engine = plain): Promise<StepResult[]> {
  const trainer = await createTrainer(smallLlama(), { optimizer: OPTIMIZER, engine });
  setWeights(trainer);
  const text = stream(7, UPDATES * SEGMENTS * (ROWS + 1));
  const results = Array.from({ length: updates }, (_, update) => trainer.step(batchOf(text, update)));
  trainer.dispose();
  return results;
}

/** The largest |got / want - 1| of a run's losses. */
export function lossError(results: readonly StepResult[]): number {
  return Math.max(...results.map(({ loss }, update) => Math.abs(loss / recorded.losses[update]! - 1)));
}
