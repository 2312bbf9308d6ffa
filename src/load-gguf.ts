/**
 * A model in one GGUF file, opened as one in a folder is. Loaded only when a GGUF file is.
 * @module
 */
import type { ChatFiles } from './chat/find.ts';
import type { ByteSource } from './formats/byte-source.ts';
import { type GgufFile, readGguf } from './formats/gguf.ts';
import type { JsonObject } from './formats/json.ts';
import type { ModelConfig } from './formats/hf-config.ts';
import type { Tensors } from './formats/tensors.ts';
import type { OpenModel } from './load.ts';
import { type GgufModel, readGgufModel } from './model/gguf/families.ts';
import { metadataFields } from './model/gguf/metadata.ts';
import type { WeightType } from './model/memory-plan.ts';
import { tokenizerJson, tokenizerKind } from './text/gguf-tokenizer.ts';
import { sentencePiece } from './text/sentence-piece.ts';

/** A model in a GGUF file. */
export interface OpenGguf extends OpenModel {
  /** The config.json that says the same as the file. */
  readonly settings: JsonObject;
}

/**
 * Reads the header of a GGUF file.
 *
 * @throws {ForetokenError} `file.*` as `readGguf` states, `config.*` as `readGgufModel` states
 * @throws what the source's `read` throws
 */
export async function openGguf(source: ByteSource, signal?: AbortSignal): Promise<OpenGguf> {
  try {
    const file = await readGguf(source, signal);
    return modelOf(file, await readGgufModel(file, source.name, signal), source);
  } catch (error) {
    source.close?.();
    throw error;
  }
}

function modelOf(file: GgufFile, { config, settings, tensors }: GgufModel, source: ByteSource): OpenGguf {
  // The header holds every token of the vocabulary: of it only this outlives the loading.
  const chat = chatOf(file, config, source.name);
  return {
    config,
    settings,
    dtype: typeOf(tensors),
    readTensors: async () => tensors,
    async findTokenizer() {
      const { name } = source;
      const fields = metadataFields(file, 'tokenizer', name);
      switch (tokenizerKind(fields)) {
        case undefined:
          return undefined;
        case 'bytes':
          return { json: tokenizerJson(fields, file.metadata), name };
        case 'sentence-piece':
          return { parts: sentencePiece(fields, file.metadata, config.vocab), name };
      }
    },
    chatFiles: async () => chat,
    close: () => source.close?.(),
  };
}

function chatOf(file: GgufFile, { bosToken, eosTokens }: ModelConfig, name: string): ChatFiles {
  const fields = metadataFields(file, 'chat', name);
  const key = 'tokenizer.chat_template';
  return { template: fields.has(key) ? fields.string(key) : undefined, bos: bosToken, eos: eosTokens[0] };
}

/** q4 where more than half of the weights have 4 bits; else the plan's own default. */
function typeOf(tensors: Tensors): WeightType | undefined {
  const list = [...tensors.values()];
  const weightsOf = (some: typeof list) => some.reduce((sum, { elements }) => sum + elements, 0);
  const fourBits = list.filter(({ dtype }) => dtype.startsWith('Q4_'));
  return weightsOf(fourBits) > weightsOf(list) / 2 ? 'q4' : undefined;
}
