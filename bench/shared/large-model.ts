/**
 * Checkpoints that are larger than memory should be for a benchmark's sake: blocks of 4 bits that are made up where and when they are read.
 * @module
 */
import type { ByteSource } from '../../src/formats/byte-source.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import type { Folder } from '../../src/formats/folder.ts';
import { parseHfConfig } from '../../src/formats/hf-config.ts';
import { llamaLayout } from '../../src/model/architectures/llama.ts';

/** config.json of Llama-2-7B, in blocks of 4 bits. */
const LLAMA_2_7B = {
  ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu', torch_dtype: 'float16' },
  ...{ hidden_size: 4096, intermediate_size: 11_008, num_hidden_layers: 32, vocab_size: 32_000 },
  ...{ num_attention_heads: 32, num_key_value_heads: 32, max_position_embeddings: 4096 },
  ...{ rms_norm_eps: 1e-5, tie_word_embeddings: false },
  quantization_config: { quant_method: 'foretoken', format: 'q4', block_size: 32 },
};

/** Bytes that a kind of tensor repeats: any blocks, scales of 2^-8 as f16, norms of 1 as f32. */
const BLOCKS = Uint8Array.from({ length: 65_521 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);
const SCALES = Uint8Array.of(0, 0x1c);
const ONES = Uint8Array.of(0, 0, 0x80, 0x3f);

/** A checkpoint of the shape of Llama-2-7B, 4.2 GB of which none is kept. */
export function llama7b(): Folder {
  const config = new TextEncoder().encode(JSON.stringify(LLAMA_2_7B));
  const weights = madeUpWeights(config);
  const files: Readonly<Record<string, ByteSource>> = {
    'config.json': bytesSource(config, 'config.json'),
    'model.safetensors': weights,
  };
  return { file: async (name) => files[name] };
}

function madeUpWeights(config: Uint8Array): ByteSource {
  const { embedding, layers, finalNorm, head } = llamaLayout(parseHfConfig(config));
  const header: Record<string, unknown> = {};
  const parts: { end: number; bytes: Uint8Array }[] = [];
  let end = 0;
  const add = (name: string, dtype: string, shape: readonly number[], bytesEach: number, bytes: Uint8Array) => {
    const begin = end;
    end += shape.reduce((product, size) => product * size, bytesEach);
    header[name] = { dtype, shape, data_offsets: [begin, end] };
    parts.push({ end, bytes });
  };
  for (const { name, shape } of [embedding, ...layers.flatMap((layer) => Object.values(layer)), finalNorm, head!]) {
    const [rows, cols] = shape as [number, number?];
    if (cols === undefined) {
      add(name, 'F32', [rows], 4, ONES);
    } else {
      add(`${name}.scale`, 'F16', [rows, cols / 32], 2, SCALES);
      add(`${name}.q`, 'U8', [rows, cols / 2], 1, BLOCKS);
    }
  }
  const text = JSON.stringify(header);
  const front = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(front.buffer).setBigUint64(0, BigInt(front.length - 8), true);
  front.set(new TextEncoder().encode(text), 8);
  return {
    name: 'model.safetensors',
    size: front.length + end,
    async read(offset, length, _signal, into = new Uint8Array(length)) {
      if (offset < front.length) return front.slice(offset, offset + length);
      // Nobody reads across the border of two tensors.
      const at = offset - front.length;
      const { bytes } = parts.find((part) => at < part.end)!;
      for (let i = 0, from = at % bytes.length; i < length; i++) {
        into[i] = bytes[from++]!;
        if (from === bytes.length) from = 0;
      }
      return into.subarray(0, length);
    },
  };
}
