/**
 * Training of heads on a target whose language is known: what they learn, that a run which stops goes on to the same bits, and what is refused.
 * @module
 */
import { bytesSource } from '../../../src/formats/byte-source.ts';
import { readSafetensors } from '../../../src/formats/safetensors.ts';
import { type HeadKind, headShapes, parseHeadConfig } from '../../../src/heads/format.ts';
import { createTrainingEngine } from '../../../src/train/engine.ts';
import { estimateHeadTraining, type TrainHeadOptions, trainHead } from '../../../src/train/heads/train-head.ts';
import { rejection } from '../../codes.ts';
import { assert, test } from '../../harness.ts';
import { HIDDEN, RING, ringTarget, ringTexts } from './ring-target.ts';

const TARGET = ringTarget();
const engine = await createTrainingEngine();

/** A run of a second; windows of 24 tokens. */
const small = (options: Partial<TrainHeadOptions> = {}): TrainHeadOptions => ({
  kind: 'medusa',
  ...{ heads: 2, steps: 60, batch: 4, length: 24, heldOut: 4, learningRate: 5e-3, seed: 3, evaluateEvery: 20 },
  ...{ texts: ringTexts(1, 24, 48), load: { dtype: 'f32' }, engine },
  ...options,
});
const tiny = (options: Partial<TrainHeadOptions> = {}) => small({ steps: 6, evaluateEvery: 3, ...options });
const train = (options: TrainHeadOptions) => trainHead(TARGET, options);

const best = (accuracy: readonly (readonly number[])[] | undefined) => accuracy!.map(([first]) => first!);

/** Medusa does not see the noise between, which is one token in ten; the others are told it. */
const LEAST: Readonly<Record<HeadKind, number>> = { medusa: 0.55, hydra: 0.75, 'hydra++': 0.75, recurrent: 0.75 };

for (const kind of ['medusa', 'hydra', 'hydra++', 'recurrent'] as const) {
  test(`${kind}: heads learn what they could not say when they began`, async () => {
    const { config, history } = await train(small({ kind, ...(kind === 'hydra++' && { layers: 2 }) }));
    const [begin, end] = [history.evaluations[0]!, history.evaluations.at(-1)!];
    assert.ok(end.loss < 0.5 * begin.loss, `loss ${begin.loss} -> ${end.loss}`);
    for (const accuracy of best(begin.accuracy)) assert.ok(accuracy < 0.3, `began at ${accuracy}`);
    for (const accuracy of best(config.accuracy)) assert.ok(accuracy > LEAST[kind], `came to ${accuracy}`);
    assert.is(history.losses.length, 60);
    assert.equal(
      history.evaluations.map(({ step }) => step),
      [0, 20, 40, 60],
    );
  });

  test(`${kind}: the files are what the format says, and hold every tensor of it once`, async () => {
    const { files, config } = await train(tiny({ kind, draftVocab: 32 }));
    const parsed = parseHeadConfig(files.get('config.json')!);
    assert.equal(
      parsed.accuracy!.map((ranks) => ranks.length),
      [10, 10],
    );
    assert.equal({ ...parsed, accuracy: 0 }, { ...config, accuracy: 0, quantization: { format: 'q8', blockSize: 32 } });
    const { tensors } = await readSafetensors(bytesSource(files.get('model.safetensors')!, 'head'));
    const names = [...headShapes(parsed)].flatMap(([name, shape]) =>
      shape.length === 1 ? [name] : [`${name}.q`, `${name}.scale`],
    );
    assert.equal([...tensors.keys()].sort(), names.sort());
    assert.equal(tensors.get('draft_vocab')!.shape, [32]);
  });
}

test('hidden states of another position are seen: nothing is learnt from them (planted fault)', async () => {
  const kept = new Map<string, Uint8Array>();
  const shifted = {
    get: () => undefined,
    // Rows are moved in place, before the batch is made of them.
    set: (_: string, bytes: Uint8Array) => void bytes.copyWithin(5 * HIDDEN * 4, 0),
  };
  const right = await train(small({ cache: kept }));
  const wrong = await train(small({ cache: shifted }));
  assert.ok(best(right.config.accuracy)[0]! > 0.55);
  assert.ok(best(wrong.config.accuracy)[0]! < 0.3, `${best(wrong.config.accuracy)}`);
});

test('kept hidden states give the bits of computed ones, and each window is computed once', async () => {
  const kept = new Map<string, Uint8Array>();
  const [first, again, without] = [
    await train(tiny({ cache: kept })),
    await train(tiny({ cache: kept })),
    await train(tiny()),
  ];
  assert.ok(kept.size > 10 && kept.size <= 24);
  for (const { files } of [again, without]) assert.equal(files, first.files);
});

test('the text teaches a vocabulary of any size', async () => {
  assert.is((await train(tiny({ draftVocab: 30 }))).config.draftVocab, 30);
});

test('two threads give the bits of one', async () => {
  const [one, two] = [await train(tiny({ kind: 'hydra' })), await train(tiny({ kind: 'hydra', threads: 2 }))];
  assert.equal(two.files, one.files);
});

for (const [name, options] of Object.entries({
  'of texts': {},
  'of hydra++ with a reduced vocabulary': { kind: 'hydra++', layers: 2, draftVocab: 48 },
  'on-policy': { onPolicy: { prompt: 8, temperature: 1 } },
} as const satisfies Record<string, Partial<TrainHeadOptions>>)) {
  test(`a run ${name} that is resumed comes to the bits of one that went through`, async () => {
    const checkpoints: Uint8Array[] = [];
    const whole = await train(
      tiny({ ...options, checkpointEvery: 2, onCheckpoint: (bytes) => checkpoints.push(bytes) }),
    );
    assert.is(checkpoints.length, 2);
    const resumed = await train(tiny({ ...options, resume: checkpoints[1]! }));
    assert.equal(resumed.files, whole.files);
    assert.equal(resumed.history.losses, whole.history.losses);
    assert.equal(resumed.history.evaluations, whole.history.evaluations);
  });
}

test('an abort leaves a checkpoint of the very step, from which the run goes on to the same bits', async () => {
  const controller = new AbortController();
  const checkpoints: Uint8Array[] = [];
  const options = {
    signal: controller.signal,
    onProgress: ({ step }: { step: number }) => void (step === 3 && controller.abort(new Error('enough'))),
    onCheckpoint: (bytes: Uint8Array) => checkpoints.push(bytes),
  };
  assert.is(await rejection(train(tiny(options))), 'Error: enough');
  assert.is(checkpoints.length, 1);
  const steps: number[] = [];
  const resumed = await train(tiny({ resume: checkpoints[0]!, onProgress: ({ step }) => steps.push(step) }));
  assert.equal(steps, [4, 5, 6]);
  assert.equal(resumed.files, (await train(tiny())).files);
});

test('a checkpoint of another recipe, or of other texts, is refused and says what differs', async () => {
  let checkpoint: Uint8Array | undefined;
  await train(tiny({ checkpointEvery: 2, onCheckpoint: (bytes) => void (checkpoint ??= bytes) }));
  const others = [{ steps: 7 }, { seed: 4 }, { kind: 'hydra' as const }, { texts: ringTexts(2, 24, 48) }];
  for (const other of others) assert.is(await rejection(train(tiny({ ...other, resume: checkpoint! }))), 'train.state');
});

for (const loss of ['forward-kl', 'reverse-kl', 'jsd', 'tvd'] as const) {
  test(`${loss}: the target's probabilities teach as well as the text`, async () => {
    const { history } = await train(small({ kind: 'hydra', loss, heads: 1 }));
    const [begin, end] = [history.evaluations[0]!, history.evaluations.at(-1)!];
    assert.ok(end.loss < begin.loss, `loss ${begin.loss} -> ${end.loss}`);
    assert.ok(best(end.accuracy)[0]! > best(begin.accuracy)[0]! + 0.3, `${best(end.accuracy)}`);
  });
}

test('texts that the target wrote are its own choices where it is greedy', async () => {
  // Of such texts the target's choice is the text itself, so that Medusa meets no noise either.
  const { config } = await train(small({ onPolicy: { prompt: 1, temperature: 0 } }));
  for (const accuracy of best(config.accuracy)) assert.ok(accuracy > 0.9, `${accuracy}`);
});

test('a tied head has no output layer of its own', async () => {
  const { files, config } = await train(tiny({ tied: true, stored: 'f32' }));
  assert.is(config.tied, true);
  const { tensors } = await readSafetensors(bytesSource(files.get('model.safetensors')!, 'head'));
  assert.equal([...tensors.keys()].sort(), [
    '0.0.linear.bias',
    '0.0.linear.weight',
    '1.0.linear.bias',
    '1.0.linear.weight',
  ]);
});

test('what a run takes is known beforehand, and refused before anything is loaded', async () => {
  const { texts, ...recipe } = tiny();
  const memory = await estimateHeadTraining(TARGET, recipe);
  assert.is(memory.total, memory.training + memory.target);
  assert.ok((await estimateHeadTraining(TARGET, { ...recipe, batch: 8 })).training > memory.training);
  assert.is(await rejection(train(tiny({ memoryLimit: memory.total - 1 }))), 'memory.limit');
  assert.is(await rejection(train(tiny({ memoryLimit: memory.total }))), 'no error');
  assert.ok(Array.isArray(texts));
});

for (const [what, options, code] of [
  ['a kind that there is not', { kind: 'eagle' }, 'option.range'],
  ['an unknown option', { epochs: 3 }, 'option.unknown'],
  ['no heads', { heads: 0 }, 'option.range'],
  ['a vocabulary larger than the target has', { draftVocab: RING + 4 }, 'option.range'],
  ['a divergence over tokens that are no multiple of 4', { draftVocab: 30, loss: 'tvd' }, 'option.range'],
  ['tied heads with a vocabulary of their own', { tied: true, draftVocab: 32 }, 'option.range'],
  ['windows longer than the context', { length: 300 }, 'option.range'],
  ['a loss that there is not', { loss: 'kl' }, 'option.range'],
  ['steps as text', { steps: '5' }, 'option.type'],
  ['texts without a tokenizer', { texts: ['abc'] }, 'prompt.tokenizer'],
  ['a token that is none', { texts: [[1, 2, RING]] }, 'prompt.token'],
  ['too few texts', { texts: ringTexts(1, 2, 48) }, 'train.data'],
  ['a checkpoint that is none', { resume: new Uint8Array(9) }, 'file.header'],
] as const) {
  test(`${what}: refused with ${code}`, async () => {
    assert.is(await rejection(train(tiny(options as unknown as Partial<TrainHeadOptions>))), code);
  });
}

test.run();
