/**
 * Gemma 3, text: Gemma 2 without soft caps, with a norm of every head of queries and keys, and a window in five of six layers, which turn
 * by other frequencies than the rest.
 * Source: Gemma Team, 2025, arXiv 2503.19786.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { baseConfig, checkAbsent, checkClass, type ModelConfig } from '../../formats/hf-config.ts';
import { fromOne, gemmaForm, gemmaLayout } from './gemma2.ts';
import type { CheckpointLayout } from './layout.ts';
import { type Rotation, readRotation, ropeOf } from './ropes.ts';
import { readSlidingLayers, readWindow } from './windows.ts';

/** Numbers of the model's ropes. */
const FULL = 0;
const SLIDING = 1;

/** @throws {ForetokenError} `config.*` */
export function parseGemma3(config: Fields): ModelConfig {
  checkClass(config, 'gemma3_text', 'Gemma3ForCausalLM');
  checkAbsent(config, 'attn_logit_softcapping');
  const { full, sliding } = readRotations(config);
  const base = baseConfig(config, { ropeTheta: full.theta, tied: true, headDim: 256 });
  const window = readWindow(config);
  // transformers 5 writes the same number with an underscore.
  const every = config.integer(
    'sliding_window_pattern',
    1,
    2 ** 24,
    config.integer('_sliding_window_pattern', 1, 2 ** 24, 6),
  );
  const slides = readSlidingLayers(config, base.layers, (layer) => (layer + 1) % every !== 0);
  return {
    ...base,
    form: {
      ...gemmaForm(config, base),
      ropes: [ropeOf(config, full, base), ropeOf(config, sliding, base)],
      layers: slides.map((slide) => (slide ? { rope: SLIDING, window } : { rope: FULL, window: 0 })),
    },
    layout: gemma3Layout,
  };
}

/** Of layers that see all positions, and of those with a window, in the words of transformers 4 or 5. */
function readRotations(config: Fields): { full: Rotation; sliding: Rotation } {
  const local = config.number('rope_local_base_freq', 1, 1e12, 10_000);
  const parameters = config.child('rope_parameters');
  if (!parameters) {
    return {
      full: readRotation(config, { theta: 1_000_000 }),
      sliding: { theta: local, part: 1, scaling: undefined },
    };
  }
  const rotation = (name: string, theta: number): Rotation => {
    const scaling = parameters.child(name);
    return { theta: scaling?.number('rope_theta', 1, 1e12, theta) ?? theta, part: 1, scaling };
  };
  return { full: rotation('full_attention', 1_000_000), sliding: rotation('sliding_attention', local) };
}

function gemma3Layout(config: ModelConfig): CheckpointLayout {
  return gemmaLayout(config, (tensor) => ({
    queryNorm: fromOne(tensor('self_attn.q_norm.weight', config.headDim)),
    keyNorm: fromOne(tensor('self_attn.k_norm.weight', config.headDim)),
  }));
}
