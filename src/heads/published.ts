/**
 * Checkpoints of heads as their authors have published them: what they are is told by their config.json and the names of their tensors.
 *
 *   FasterDecoding/Medusa         `medusa_num_heads`; heads are counted by their tensors, as the files hold more than that says. Alone, inside a whole model
 *                                 (`medusa_head.`), as vLLM names them (`blocks.`, `lm_heads.`), or without output layers of their own
 *   zankner/Hydra                 `hydra_num_heads`, `hydra_head_arch` mlp or prefix-mlp; the prefix layer has the target's sizes
 *   apple/ml-recurrent-drafter    `model_type` recurrent_drafting_drafter
 *
 * @module
 */
import { ForetokenError } from '../errors.ts';
import type { Fields } from '../formats/fields.ts';
import type { ModelConfig } from '../formats/hf-config.ts';
import { MOST } from '../formats/limits.ts';
import type { TensorDescription, Tensors } from '../formats/tensors.ts';
import { type HeadConfig, MOST_BLOCKS, MOST_HEADS } from './format.ts';

/** Steps that the published recurrent drafter is unrolled over in training. */
const RECURRENT_STEPS = 5;

/** A head's configuration, and its tensors by the names of format.ts. */
export interface PublishedHead {
  readonly config: HeadConfig;
  readonly tensors: Tensors;
}

/**
 * @param target the model that the head is loaded for: what the files leave out is taken from it
 * @throws {ForetokenError} `config.unsupported` for a head of another kind, or with settings that are not implemented; `file.tensor` when tensors are missing
 */
export function readPublished(fields: Fields, tensors: Tensors, target: ModelConfig): PublishedHead {
  if (fields.has('medusa_num_heads') || fields.value('model_type') === 'medusa') return readMedusa(tensors, target);
  if (fields.has('hydra_num_heads')) return readHydra(fields, tensors, target);
  if (fields.value('model_type') === 'recurrent_drafting_drafter') return readRecurrent(fields, tensors);
  throw fields.unsupported('foretoken_head', '1, or the config.json of a published Medusa, Hydra or ReDrafter head');
}

const PLAIN: Pick<HeadConfig, 'tied' | 'draftVocab' | 'accuracy' | 'prefix' | 'exitDim' | 'rnn' | 'quantization'> = {
  tied: false,
  draftVocab: undefined,
  accuracy: undefined,
  prefix: undefined,
  exitDim: undefined,
  rnn: undefined,
  quantization: undefined,
};

function readMedusa(found: Tensors, { vocab }: ModelConfig): PublishedHead {
  const tensors = renameMedusa(found);
  const heads = countFrom(tensors, (i) => `${i}.0.linear.weight`, MOST_HEADS);
  const layers = countFrom(tensors, (j) => `0.${j}.linear.weight`, MOST_BLOCKS);
  const output = tensors.get(`0.${layers}.weight`);
  const [hidden] = matrixSize(tensors, '0.0.linear.weight');
  const config: HeadConfig = {
    ...PLAIN,
    kind: 'medusa',
    hidden,
    vocab: output ? matrixSize(tensors, output.name)[0] : vocab,
    heads,
    layers,
    tied: output === undefined,
  };
  return { config, tensors };
}

/** Names of a Medusa head under which it may be found, as those of the head alone; what belongs to no head is left out. */
function renameMedusa(tensors: Tensors): Tensors {
  const layersOf = (head: string) => [...tensors.keys()].filter((name) => name.startsWith(`blocks.${head}.layers.`));
  const rename = (name: string): string | undefined => {
    const vllmBlock = /^blocks\.(\d+)\.layers\.(\d+)\.(weight|bias)$/.exec(name);
    if (vllmBlock) return `${vllmBlock[1]}.${vllmBlock[2]}.linear.${vllmBlock[3]}`;
    const vllmOutput = /^lm_heads\.(\d+)\.weight$/.exec(name);
    if (vllmOutput) {
      const layers = layersOf(vllmOutput[1]!).filter((layer) => layer.endsWith('.weight')).length;
      return `${vllmOutput[1]}.${layers}.weight`;
    }
    const own = name.replace(/^medusa_head\./, '');
    return /^\d+\.\d+\.(?:linear\.)?(?:weight|bias)$/.test(own) ? own : undefined;
  };
  return renamed(tensors, rename);
}

/** @param rename undefined for what is left out */
function renamed(tensors: Tensors, rename: (name: string) => string | undefined): Tensors {
  const result = new Map<string, TensorDescription>();
  for (const tensor of tensors.values()) {
    const name = rename(tensor.name);
    if (name !== undefined) result.set(name, { ...tensor, name });
  }
  return result;
}

function readHydra(fields: Fields, found: Tensors, target: ModelConfig): PublishedHead {
  const architecture = fields.string('hydra_head_arch', 'mlp');
  if (architecture !== 'mlp' && architecture !== 'prefix-mlp') {
    throw fields.unsupported('hydra_head_arch', '"mlp" or "prefix-mlp"');
  }
  if (!fields.boolean('grounded_heads', true)) throw fields.unsupported('grounded_heads', 'true');
  if (fields.integer('hidden_state_offset', 0, 1, 0) !== 0) throw fields.unsupported('hidden_state_offset', '0');
  const tensors = renameHydra(found, architecture === 'prefix-mlp');
  const first = architecture === 'prefix-mlp' ? 1 : 0;
  const [hidden] = matrixSize(tensors, `hydra_mlp.0.${first}.res_connection.weight`);
  const output = ['hydra_lm_head.0.weight', 'hydra_lm_head.0.1.weight'].find((name) => tensors.has(name));
  const prefix = architecture === 'prefix-mlp' && {
    intermediate: matrixSize(tensors, 'prefix_embeding_layer.layers.0.mlp.up_proj.weight')[0],
    queryHeads: target.queryHeads,
    kvHeads: target.kvHeads,
    headDim: target.headDim,
    ropeTheta: target.ropeTheta,
    rmsNormEpsilon: target.rmsNormEpsilon,
  };
  const config: HeadConfig = {
    ...PLAIN,
    kind: prefix ? 'hydra++' : 'hydra',
    hidden,
    vocab: output ? matrixSize(tensors, output)[0] : target.vocab,
    heads: fields.integer('hydra_num_heads', 1, MOST_HEADS),
    layers: fields.integer('hydra_num_layers', 1, MOST_BLOCKS, 1),
    tied: output === undefined,
    ...(prefix && { prefix }),
  };
  return { config, tensors };
}

/** Numbers of layers as format.ts has them: with dropout, which has numbers of its own, or without, whichever the file was trained with. */
function renameHydra(tensors: Tensors, toDropout: boolean): Tensors {
  const hasDropout = tensors.has('hydra_mlp.0.1.res_connection.weight');
  if (hasDropout === toDropout) return tensors;
  return renamed(tensors, (name) => {
    const layer = /^(hydra_mlp\.\d+)\.(\d+)\.(.+)$/.exec(name);
    if (layer) return `${layer[1]}.${toDropout ? 2 * Number(layer[2]) + 1 : (Number(layer[2]) - 1) / 2}.${layer[3]}`;
    const output = /^(hydra_lm_head\.\d+)(?:\.1)?\.(weight|bias)$/.exec(name);
    return output ? `${output[1]}${toDropout ? '.1' : ''}.${output[2]}` : name;
  });
}

function readRecurrent(fields: Fields, tensors: Tensors): PublishedHead {
  const hidden = fields.integer('hidden_size', 1, MOST.hidden);
  const config: HeadConfig = {
    ...PLAIN,
    kind: 'recurrent',
    hidden,
    vocab: fields.integer('vocab_size', 1, MOST.vocab),
    heads: RECURRENT_STEPS,
    layers: fields.integer('num_draft_layers', 0, MOST_BLOCKS),
    exitDim: fields.integer('exit_dim', 1, 2 * MOST.hidden, 2 * hidden),
    rnn: fields.boolean('rnn', true),
  };
  return { config, tensors };
}

/** How many names there are in a row from number 0 on, at least 1. */
function countFrom(tensors: Tensors, name: (i: number) => string, most: number): number {
  let count = 0;
  while (count < most && tensors.has(name(count))) count++;
  if (count === 0) throw new ForetokenError('file.tensor', `the checkpoint has no tensor "${name(0)}"`);
  return count;
}

/** @returns rows and columns */
function matrixSize(tensors: Tensors, name: string): readonly [number, number] {
  const shape = tensors.get(name)?.shape;
  if (shape?.length === 2) return shape as [number, number];
  throw new ForetokenError('file.tensor', `the checkpoint has no matrix "${name}"`);
}
