/**
 * Gemma 2: scaled embeddings, norms before and after each half-layer whose weights count from 1, a window in every other layer, soft caps
 * of scores and logits, GELU with a gate.
 * Source: Gemma Team, 2024, arXiv 2408.00118.
 * @module
 */
import type { Fields } from '../../formats/fields.ts';
import { baseConfig, checkActivation, checkClass, checkOff, type ModelConfig } from '../../formats/hf-config.ts';
import type { ModelForm } from '../form.ts';
import type { CheckpointLayout, LayerLayout, TensorName } from './layout.ts';
import { type LayerTensor, llamaLayout } from './llama.ts';
import { readRotation, ropeOf } from './ropes.ts';
import { readSlidingLayers, readWindow } from './windows.ts';

/** @throws {ForetokenError} `config.*` */
export function parseGemma2(config: Fields): ModelConfig {
  checkClass(config, 'gemma2', 'Gemma2ForCausalLM');
  const rotation = readRotation(config);
  const base = baseConfig(config, { ropeTheta: rotation.theta, tied: true, headDim: 256 });
  const window = readWindow(config);
  const slides = readSlidingLayers(config, base.layers, (layer) => layer % 2 === 0);
  return {
    ...base,
    form: {
      ...gemmaForm(config, base),
      scoreCap: readCap(config, 'attn_logit_softcapping'),
      ropes: [ropeOf(config, rotation, base)],
      layers: slides.map((slide) => ({ rope: 0, window: slide ? window : 0 })),
    },
    layout: gemmaLayout,
  };
}

/** What Gemma 2 and 3 have in common. @throws {ForetokenError} `config.*` */
export function gemmaForm(config: Fields, { hidden }: ModelConfig): Partial<ModelForm> {
  checkActivation(config, 'hidden_activation', ['gelu_pytorch_tanh']);
  checkOff(config, 'attention_bias', 'use_bidirectional_attention');
  return {
    activation: 'gelu-tanh',
    embeddingScale: Math.sqrt(hidden),
    scoreScale: 1 / Math.sqrt(config.number('query_pre_attn_scalar', 1e-3, 1e6, 256)),
    logitCap: readCap(config, 'final_logit_softcapping'),
  };
}

function readCap(config: Fields, name: string): number {
  return config.has(name) ? config.number(name, 1e-3, 1e6) : 0;
}

/** @param change what a layer has besides */
export function gemmaLayout(
  config: ModelConfig,
  change: (tensor: LayerTensor) => Partial<LayerLayout> = () => ({}),
): CheckpointLayout {
  const { hidden } = config;
  const layout = llamaLayout(config, (tensor, llama) => ({
    attentionNorm: fromOne(llama.attentionNorm),
    attentionPostNorm: fromOne(tensor('post_attention_layernorm.weight', hidden)),
    feedForwardNorm: fromOne(tensor('pre_feedforward_layernorm.weight', hidden)),
    feedForwardPostNorm: fromOne(tensor('post_feedforward_layernorm.weight', hidden)),
    ...change(tensor),
  }));
  return { ...layout, finalNorm: fromOne(layout.finalNorm) };
}

/** A norm whose weight is stored as what it differs from 1. */
export function fromOne(norm: TensorName): TensorName {
  return { ...norm, plus: 1 };
}
