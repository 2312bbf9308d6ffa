/** Gemma 3, text, in GGUF. @module */
import { always, type GgufFamily } from './family.ts';
import { geluTanh, logitCap, scoreScale } from './gemma2.ts';
import { rope } from './rope.ts';
import { sizes } from './sizes.ts';
import { windowByPeriod } from './windows.ts';

export const gemma3: GgufFamily = {
  architecture: 'gemma3',
  modelType: 'gemma3_text',
  className: 'Gemma3ForCausalLM',
  settings: [
    sizes,
    geluTanh,
    scoreScale(62),
    logitCap(0),
    windowByPeriod(6, 0),
    rope({ theta: 1_000_000, slidingTheta: 10_000 }),
    // Which rotation a layer has follows from its window.
    always({}, ({ form }) =>
      form!.layers!.some(({ rope: turn, window }) => turn === 1 && window === 0)
        ? 'layers that turn as with a window and have none'
        : undefined,
    ),
  ],
};
