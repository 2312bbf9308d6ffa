/**
 * A family of models in GGUF: the names that it has there, and which of its settings are which keys of the metadata. Read, the metadata become
 * the config.json that says the same, and go its way from there, with all of its checks.
 * @module
 */
import { ForetokenError } from '../../errors.ts';
import type { Pair } from '../../formats/gguf-writer.ts';
import type { ModelConfig } from '../../formats/hf-config.ts';
import type { JsonValue } from '../../formats/json.ts';
import type { Metadata } from './metadata.ts';

/** Fields of config.json. */
export type ConfigFields = Readonly<Record<string, JsonValue>>;

/** A setting of models: how it is read from metadata, and how it is written there. */
export interface Setting {
  /** @throws {ForetokenError} `config.*` */
  read(gguf: Metadata): ConfigFields;
  /** Pairs whose keys lack the name of the architecture. @throws {ForetokenError} `config.unsupported` for what GGUF cannot say */
  write(config: ModelConfig): readonly Pair[];
}

export interface GgufFamily {
  /** `general.architecture` */
  readonly architecture: string;
  /** `model_type` and the class of config.json. */
  readonly modelType: string;
  readonly className: string;
  /** Rows of queries and keys are in the order that a rotation of neighbours takes. */
  readonly neighbours?: boolean;
  /** Of several families of one architecture, whether it is this one; the first that says so is. */
  readonly is?: (gguf: Metadata) => boolean;
  readonly settings: readonly Setting[];
}

/** A setting that has one value in all files of an architecture, which do not state it. @param problem tells of a model that has another */
export function always(fields: ConfigFields, problem: (config: ModelConfig) => string | undefined): Setting {
  return {
    read: () => fields,
    write(config) {
      const what = problem(config);
      if (what !== undefined) throw unsayable(what);
      return [];
    },
  };
}

/** @param what has no key in GGUF */
export function unsayable(what: string): ForetokenError {
  return new ForetokenError('config.unsupported', `${what}: GGUF has no words for it`);
}

export const u32 = (key: string, value: number): Pair => [key, { u32: value }];
export const f32 = (key: string, value: number): Pair => [key, { f32: value }];
