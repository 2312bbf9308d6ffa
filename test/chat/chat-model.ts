/**
 * A small model that chats: random weights, one token a byte, and the marks of ChatML, Llama 3 and Llama 2.
 * @module
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { load, type Model } from '../../src/index.ts';
import type { LoadOptions } from '../../src/load.ts';
import { CHARACTERS } from '../../src/text/byte-alphabet.ts';
import { fixturePath } from '../model/fixture-model.ts';

/** Plain ChatML, as Hermes and others publish it. */
export const CHATML =
  "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/** Special tokens; their ids follow those of the 256 bytes. */
export const MARKS = [
  ...[
    '<|im_start|>',
    '<|im_end|>',
    '<|endoftext|>',
    '<|start_header_id|>',
    '<|end_header_id|>',
    '<|eot_id|>',
    '<s>',
    '</s>',
  ],
  // Swallows the white space behind it, as the marks of Phi-3 do.
  '<|assistant|>',
] as const;

export const idOf = (mark: (typeof MARKS)[number]): number => 256 + MARKS.indexOf(mark);

export function tokenizerJson(): string {
  return JSON.stringify({
    version: '1.0',
    added_tokens: MARKS.map((content, i) => ({
      ...{ id: 256 + i, content, special: true, single_word: false, lstrip: false, normalized: false },
      rstrip: content === '<|assistant|>',
    })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(CHARACTERS.map((character, byte) => [character, byte])),
      merges: [],
    },
  });
}

/** The model's files by name. @param config of tokenizer_config.json; null: there is no such file */
export function chatFiles(
  config: object | null = { chat_template: CHATML, eos_token: '<|endoftext|>' },
): Record<string, Uint8Array<ArrayBuffer>> {
  const read = (name: string) => new Uint8Array(readFileSync(join(fixturePath('test-300k'), name)));
  const text = (value: string) => new TextEncoder().encode(value);
  const model = JSON.parse(new TextDecoder().decode(read('config.json')));
  return {
    'config.json': text(JSON.stringify({ ...model, max_position_embeddings: 2048 })),
    'model.safetensors': read('model.safetensors'),
    'tokenizer.json': text(tokenizerJson()),
    ...(config && { 'tokenizer_config.json': text(JSON.stringify(config)) }),
  };
}

export function chatModel(config?: object | null, options: LoadOptions = {}): Promise<Model> {
  return load(chatFiles(config), { context: 512, ...options });
}
