/**
 * The parts that a checkpoint layout names, and what GGUF calls them. All families have one list of names there, and tensors as the transformer
 * takes them: matrices by rows, queries, keys and values one after the other, norms that do not count from 1.
 * Source: `TENSOR_NAMES` of gguf-py 0.19.0.
 * @module
 */
import type { CheckpointLayout, LayerLayout, TensorName } from '../architectures/layout.ts';

/** A part of a model that its checkpoint has. */
export interface LayoutPart {
  /** Its place in the layout: `finalNorm`, or `3.query` for a part of layer 3. */
  readonly place: string;
  readonly part: TensorName;
}

type Outside = Exclude<keyof CheckpointLayout, 'layers'>;

/** Parts outside of layers and their names, those before the layers first. */
const BEFORE = [
  ['embedding', 'token_embd.weight'],
  ['positions', 'position_embd.weight'],
] as const satisfies readonly [Outside, string][];
const BEHIND = [
  ['finalNorm', 'output_norm.weight'],
  ['finalNormBias', 'output_norm.bias'],
  ['head', 'output.weight'],
] as const satisfies readonly [Outside, string][];
/** Parts of a layer in the order in which a pass comes to them. */
const INSIDE = [
  ['attentionNorm', 'attn_norm.weight'],
  ['attentionNormBias', 'attn_norm.bias'],
  ['query', 'attn_q.weight'],
  ['queryBias', 'attn_q.bias'],
  ['key', 'attn_k.weight'],
  ['keyBias', 'attn_k.bias'],
  ['value', 'attn_v.weight'],
  ['valueBias', 'attn_v.bias'],
  ['queryNorm', 'attn_q_norm.weight'],
  ['keyNorm', 'attn_k_norm.weight'],
  ['output', 'attn_output.weight'],
  ['outputBias', 'attn_output.bias'],
  ['attentionPostNorm', 'post_attention_norm.weight'],
  ['feedForwardNorm', 'ffn_norm.weight'],
  ['feedForwardNormBias', 'ffn_norm.bias'],
  ['gate', 'ffn_gate.weight'],
  ['gateBias', 'ffn_gate.bias'],
  ['up', 'ffn_up.weight'],
  ['upBias', 'ffn_up.bias'],
  ['down', 'ffn_down.weight'],
  ['downBias', 'ffn_down.bias'],
  ['feedForwardPostNorm', 'post_ffw_norm.weight'],
] as const satisfies readonly [keyof LayerLayout, string][];

/** All parts that a layout has, in the order of a pass. */
export function partsOf(layout: CheckpointLayout): LayoutPart[] {
  const outside = (list: readonly (readonly [Outside, string])[]) =>
    list.map(([name]) => [name, layout[name]] as const);
  const inside = layout.layers.flatMap((layer, i) => INSIDE.map(([name]) => [`${i}.${name}`, layer[name]] as const));
  return [...outside(BEFORE), ...inside, ...outside(BEHIND)].flatMap(([place, part]) =>
    part ? [{ place, part }] : [],
  );
}

/** The same model as a GGUF file keeps it. */
export function ggufLayout(layout: CheckpointLayout): CheckpointLayout {
  const renamed = <Parts extends object>(
    parts: Parts,
    list: readonly (readonly [keyof Parts & string, string])[],
    prefix = '',
  ) =>
    Object.fromEntries(
      list.flatMap(([key, name]) => {
        const part = parts[key] as TensorName | undefined;
        return part ? [[key, stored(part, prefix + name)]] : [];
      }),
    );
  return {
    head: undefined,
    ...renamed(layout, [...BEFORE, ...BEHIND]),
    layers: layout.layers.map((layer, i) => renamed(layer, namesIn(layer), `blk.${i}.`) as unknown as LayerLayout),
  } as unknown as CheckpointLayout;
}

/** Whatever is stored otherwise elsewhere, here it is the part as it is. */
function stored({ shape, exact }: TensorName, name: string): TensorName {
  return { name, shape, ...(exact && { exact }) };
}

/** Names of a layer's parts: a tensor that holds several of them has a name of its own, or that of the last. */
function namesIn({ key, up }: LayerLayout): readonly (readonly [keyof LayerLayout, string])[] {
  return INSIDE.map(([part, name]) => {
    if (!key && (part === 'query' || part === 'queryBias')) return [part, name.replace('attn_q', 'attn_qkv')];
    return !up && part === 'gate' ? [part, 'ffn_up.weight'] : [part, name];
  });
}
