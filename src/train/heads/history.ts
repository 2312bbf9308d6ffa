/**
 * What a run of head training has come to so far, and a checkpoint of it.
 * @module
 */
import { ForetokenError } from '../../errors.ts';
import { bytesSource } from '../../formats/byte-source.ts';
import { readSafetensors } from '../../formats/safetensors.ts';
import { writeSafetensors } from '../../formats/safetensors-writer.ts';

/** A measurement on the windows that are held out. */
export interface HeadEvaluation {
  /** Updates before it. */
  readonly step: number;
  readonly loss: number;
  /** (K, ranks) how often each guess is what the target itself says. */
  readonly accuracy: readonly (readonly number[])[];
  /** Tokens that a pass gives with a chain of the best guesses. */
  readonly chainLength: number;
}

export interface HeadHistory {
  /** Of each update. */
  readonly losses: readonly number[];
  readonly evaluations: readonly HeadEvaluation[];
  /** Of work, over all parts of the run. */
  readonly seconds: number;
}

/** What decides the bits of a run: that of a checkpoint must be that of the run which goes on from it. */
export type RunIdentity = Readonly<Record<string, unknown>>;

export interface Checkpoint {
  readonly identity: RunIdentity;
  readonly history: HeadHistory;
  /** What Trainer.save has written. */
  readonly trainer: Uint8Array;
}

/** One safetensors file: the trainer's as bytes, the rest as JSON among the metadata. */
export function writeCheckpoint({ identity, history, trainer }: Checkpoint): Uint8Array {
  const tensor = { dtype: 'U8', shape: [trainer.length], data: trainer } as const;
  return writeSafetensors([['trainer', tensor]], { run: JSON.stringify({ identity, history }) });
}

/**
 * @param identity of the run that goes on
 * @throws {ForetokenError} `file.*`; `train.state` for the checkpoint of another run, naming what differs
 */
export async function readCheckpoint(file: Uint8Array, identity: RunIdentity): Promise<Checkpoint> {
  const source = bytesSource(file, 'checkpoint');
  const { tensors, metadata } = await readSafetensors(source);
  const [run, trainer] = [metadata.get('run'), tensors.get('trainer')];
  if (run === undefined || !trainer) throw new ForetokenError('train.state', 'this is no checkpoint of heads');
  const written = JSON.parse(run) as Pick<Checkpoint, 'identity' | 'history'>;
  const show = (value: unknown) => JSON.stringify(value) ?? 'none';
  for (const [name, value] of Object.entries(identity)) {
    const [then, now] = [show(written.identity[name]), show(value)];
    if (then !== now)
      throw new ForetokenError('train.state', `the checkpoint is of a run with ${name} ${then}, not ${now}`);
  }
  return { ...written, trainer: await source.read(trainer.begin, trainer.bytes) };
}
