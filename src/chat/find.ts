/**
 * Where a model's files say how it chats: the template's text, and the spellings that templates ask for.
 * @module
 */
import { readAll } from '../formats/byte-source.ts';
import { Fields } from '../formats/fields.ts';
import type { Folder } from '../formats/folder.ts';
import { type JsonValue, parseJson } from '../formats/json.ts';

/** What the files say; nothing of it is executed. */
export interface ChatFiles {
  /** A template in Jinja's language; undefined where there is none. */
  readonly template: string | undefined;
  /** The tokens that begin and end a text, by id or by spelling. */
  readonly bos: number | string | undefined;
  readonly eos: number | string | undefined;
}

/** The largest tokenizer_config.json published have about 1 MB. */
const MOST_BYTES = 16 * 2 ** 20;

/**
 * From chat_template.jinja, which goes first, and tokenizer_config.json.
 * @throws {ForetokenError} `source.*`, `file.json`, `chat.type` for a field that is not what it should be
 */
export async function findInFolder(folder: Folder): Promise<ChatFiles> {
  const read = async (name: string) => {
    const file = await folder.file(name);
    return file && { bytes: await readAll(file, MOST_BYTES), name: file.name };
  };
  try {
    const [jinja, config] = [await read('chat_template.jinja'), await read('tokenizer_config.json')];
    const found = config ? fromConfig(parseJson(config.bytes, config.name), config.name) : NOTHING;
    return jinja ? { ...found, template: new TextDecoder().decode(jinja.bytes) } : found;
  } finally {
    folder.close?.();
  }
}

const NOTHING: ChatFiles = { template: undefined, bos: undefined, eos: undefined };

function fromConfig(json: JsonValue, name: string): ChatFiles {
  const fields = new Fields(json, 'chat', name);
  return { template: templateOf(fields), bos: spelling(fields, 'bos_token'), eos: spelling(fields, 'eos_token') };
}

/** A text, or a list of named ones, of which `default` is meant. */
function templateOf(fields: Fields): string | undefined {
  const FIELD = 'chat_template';
  if (!fields.has(FIELD)) return undefined;
  if (!fields.isList(FIELD)) return fields.string(FIELD);
  return fields
    .children(FIELD)
    .find((entry) => entry.string('name') === 'default')
    ?.string('template');
}

/** A token's spelling: a text, or an object that has it as its content. */
function spelling(fields: Fields, name: string): string | undefined {
  if (!fields.has(name)) return undefined;
  return fields.isObject(name) ? fields.object(name).string('content') : fields.string(name);
}
