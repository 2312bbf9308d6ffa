/**
 * What a process needs while it loads a model: the estimate, and 24 MB at most, whatever the format and the type. Over HTTP there is what the host's
 * fetch leaves behind: Node lets some 64 MB of it come together before it collects any, whoever reads.
 * @module
 */
import { join } from 'node:path';
import { coldRun, type ColdTask, serveFolder } from '../../bench/shared/cold-process.ts';
import { randomCheckpoint } from '../../bench/shared/model-folder.ts';
import { estimate } from '../../src/load.ts';
import type { WeightType } from '../../src/model/memory-plan.ts';
import { assert, note, repositoryFile, test } from '../harness.ts';

/** MB of 2^20 bytes. */
const MOST_BEYOND = 24;
/** One matrix alone, the embedding, has more than twice as many bytes: held as a whole, it would be seen. */
const MEGABYTES = 60;
const CACHE = repositoryFile('.cache');

let server: Awaited<ReturnType<typeof serveFolder>>;
let bf16: Awaited<ReturnType<typeof randomCheckpoint>>;
let q8: Awaited<ReturnType<typeof randomCheckpoint>>;

test.before(async () => {
  bf16 = await randomCheckpoint(MEGABYTES, 'bf16');
  q8 = await randomCheckpoint(MEGABYTES, 'q8');
  server = await serveFolder(CACHE);
});

test.after(() => server.stop());

/** @param model its name in the cache @returns MB beyond the estimate */
async function beyond(
  model: string,
  { place = CACHE, task = 'load' as ColdTask, dtype }: { place?: string; task?: ColdTask; dtype?: WeightType } = {},
): Promise<number> {
  const options = { context: 512, ...(dtype && { dtype }) };
  const { total } = await estimate(join(CACHE, model), options);
  const { residentMB } = await coldRun(task, `${place}/${model}`, options);
  return residentMB - total / 2 ** 20;
}

const cases: readonly [title: string, () => Promise<number>][] = [
  ['a folder in bf16', () => beyond(bf16.folder)],
  ['a GGUF file in bf16', () => beyond(bf16.gguf)],
  ['a folder in bf16, held as q4', () => beyond(bf16.folder, { dtype: 'q4' })],
  ['a folder in q8', () => beyond(q8.folder)],
  ['a GGUF file in q8, held as f16', () => beyond(q8.gguf, { dtype: 'f16' })],
];

for (const [title, measure] of cases) {
  test(`loading ${title} needs no more than the estimate and ${MOST_BEYOND} MB`, async () => {
    const most = await measure();
    note(`${title}: the estimate and ${most.toFixed(1)} MB`);
    assert.ok(most <= MOST_BEYOND, `${most} MB`);
  });
}

for (const [title, model, weights] of [
  ['a folder', () => bf16.folder, () => `${bf16.folder}/model.safetensors`],
  ['a GGUF file', () => bf16.gguf, () => bf16.gguf],
] as const) {
  test(`loading ${title} by HTTP needs no more than that and what a plain read of it needs`, async () => {
    const [most, plain] = [
      await beyond(model(), { place: server.address }),
      (await coldRun('readUrl', `${server.address}/${weights()}`)).residentMB,
    ];
    note(`${title} by HTTP: the estimate and ${most.toFixed(1)} MB; a plain read ${plain.toFixed(1)} MB`);
    assert.ok(most <= MOST_BEYOND + plain, `${most} MB, beside ${plain} MB`);
  });
}

test('files that are held whole are seen (planted fault)', async () => {
  const most = await beyond(bf16.folder, { task: 'loadHeld' });
  assert.ok(most > MEGABYTES, `${most} MB`);
});

test.run();
