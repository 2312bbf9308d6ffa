/**
 * State of a trainer as safetensors.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { bytesSource } from '../formats/byte-source.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { writeSafetensors } from '../formats/safetensors-writer.ts';

/** Where the numbers of each tensor lie, by its name in the file. */
export type StateTensors = ReadonlyMap<
  string,
  { readonly shape: readonly [number, number]; readonly values: Float32Array }
>;

/** Name of the number of updates among the file's metadata. */
const UPDATES = 'updates';

export function saveState(tensors: StateTensors, updates: number): Uint8Array {
  const entries = [...tensors].map(
    ([name, { shape, values }]) => [name, { dtype: 'F32', shape, data: values }] as const,
  );
  return writeSafetensors(entries, { [UPDATES]: String(updates) });
}

/**
 * Fills the tensors.
 * @returns the number of updates
 * @throws {ForetokenError} `file.*`; `train.state` when names, shapes or types are others: then none is filled
 */
export async function loadState(tensors: StateTensors, file: Uint8Array): Promise<number> {
  const source = bytesSource(file, 'state');
  const { tensors: held, metadata } = await readSafetensors(source);
  const updates = Number(metadata.get(UPDATES) ?? Number.NaN);
  if (!(Number.isSafeInteger(updates) && updates >= 0)) throw fault('it does not tell the number of updates');
  for (const name of held.keys()) if (!tensors.has(name)) throw fault(`${quote(name)} is no tensor of this trainer`);
  for (const [name, { shape }] of tensors) {
    const found = held.get(name);
    if (!found) throw fault(`${quote(name)} is missing`);
    if (found.dtype !== 'F32' || found.shape.join() !== shape.join()) {
      throw fault(`${quote(name)} is ${found.dtype} [${found.shape.join(', ')}], expected F32 [${shape.join(', ')}]`);
    }
  }
  for (const [name, { values }] of tensors) {
    const { begin, bytes } = held.get(name)!;
    const read = await source.read(begin, bytes);
    new Uint8Array(values.buffer, values.byteOffset, values.byteLength).set(read);
  }
  return updates;
}

function fault(what: string): ForetokenError {
  return new ForetokenError('train.state', `the state does not fit: ${what}`);
}
