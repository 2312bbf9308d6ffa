/**
 * `foretoken convert`: a model in the other format, or with its weights in another type.
 * @module
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { convertedModel, STORED_TYPES, type StoredType } from '../convert/parts.ts';
import { toFolder } from '../convert/to-folder.ts';
import { toGguf } from '../convert/to-gguf.ts';
import { ForetokenError, quote } from '../errors.ts';
import { openModel } from '../load.ts';
import { command } from './command.ts';
import { hubOptions } from './hub.ts';
import type { Terminal } from './terminal.ts';
import { expectNothing, writeFile } from './write-file.ts';

export const convertCommand = command({
  name: 'convert',
  summary: 'writes a model as GGUF or as safetensors, and quantises it',
  usage: 'IN OUT [OPTIONS]',
  options: {
    dtype: {
      kind: 'text',
      value: 'TYPE',
      help: `how matrices are stored: ${STORED_TYPES.join(', ')};\ndefault as in IN, or the nearest of them`,
    },
  },
  positionals: 2,
  notes: `IN is a model's folder, its base URL, an installed package of weights, a .gguf file, or hf:OWNER/NAME. OUT is a .gguf file, or else a folder that
gets config.json, model.safetensors and tokenizer.json. Nothing that exists is written over.

  foretoken convert foretoken-code model.gguf --dtype q8
  foretoken convert model.gguf folder --dtype f32`,
  async run({ options: { dtype }, positionals: [from, to] }, terminal) {
    if (from === undefined || to === undefined) {
      throw new ForetokenError('usage.argument', 'expected IN and OUT: a model, and a .gguf file or a folder to write');
    }
    const type = STORED_TYPES.find((known) => known === dtype);
    if (type !== dtype) {
      throw new ForetokenError('usage.option', `--dtype ${quote(dtype!)}: expected ${STORED_TYPES.join(', ')}`);
    }
    await convert({ from, to, type }, terminal);
  },
});

interface Conversion {
  readonly from: string;
  readonly to: string;
  readonly type: StoredType | undefined;
}

async function convert({ from, to, type }: Conversion, terminal: Terminal): Promise<void> {
  const { signal } = terminal;
  const model = await openModel(from, signal, hubOptions());
  try {
    const converted = await convertedModel(model, type, signal);
    if (/\.gguf$/i.test(to)) return await writeFile(to, toGguf(converted), terminal);
    const files = await toFolder(converted);
    for (const { name } of files) await expectNothing(join(to, name));
    await mkdir(to, { recursive: true });
    for (const { name, pieces } of files) await writeFile(join(to, name), pieces(), terminal);
  } finally {
    model.close();
  }
}
