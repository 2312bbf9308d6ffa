/**
 * How much is measured: everything, as much as ten minutes hold, or only whether it all works.
 * @module
 */
import type { Settings } from './measure.ts';

/** What is measured of one shape. */
export interface ShapePlan extends Settings {
  readonly shape: string;
  readonly threads: readonly number[];
  /** Names of ENTRANTS, or `all`. */
  readonly contestants: string;
}

const FULL: Omit<ShapePlan, 'shape'> = {
  threads: [1, 2],
  contestants: 'all',
  rounds: 5,
  measures: ['decode', 'prefill', 'curve'],
  context: 512,
  prompt: 16,
  tokens: 64,
  prefill: 128,
  sizes: [1, 2, 4, 8, 16, 32],
  limitMs: 3000,
  slowRounds: 3,
};

const QUICK = { ...FULL, limitMs: 600, slowRounds: 1 };

export const PLANS = {
  full: [
    { ...FULL, shape: '15m' },
    { ...FULL, shape: '135m' },
  ],
  /** The larger shape without libraries in a page that are there in Node, too. */
  quick: [
    { ...QUICK, shape: '15m', threads: [1] },
    {
      ...QUICK,
      shape: '135m',
      rounds: 3,
      sizes: [1, 2, 4, 8, 16],
      contestants: 'foretoken,foretoken-plain,wllama,onnxruntime-web,tfjs,llama-cpp,onnxruntime-node',
    },
  ],
  smoke: [{ ...FULL, shape: 'tiny', rounds: 2, tokens: 16, sizes: [1, 4], limitMs: 300 }],
} as const satisfies Readonly<Record<string, readonly ShapePlan[]>>;

export type PlanName = keyof typeof PLANS;
