/**
 * Every family in GGUF: a checkpoint gives the same bits from a GGUF file, in floats and in blocks, as from the folder that it was written
 * from; written back, the folder gives them, too. What GGUF cannot say is refused, and listed here.
 * @module
 */
import { convertedModel, type StoredType } from '../../src/convert/parts.ts';
import { toFolder } from '../../src/convert/to-folder.ts';
import { toGguf } from '../../src/convert/to-gguf.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { readGguf } from '../../src/formats/gguf.ts';
import { loadParts, type ModelInput, openModel } from '../../src/load.ts';
import { misfit, type WeightType } from '../../src/model/memory-plan.ts';
import { rejection } from '../formats/rejection.ts';
import { assert, firstDifference, test } from '../harness.ts';
import { CHECKPOINTS, type CheckpointChange, checkpointFiles, expectedOf } from './architecture-models.ts';
import { prefill } from './plain-decoding.ts';

/** What GGUF has no words for, by checkpoint, and a word of the message. */
const UNSAYABLE: Readonly<Record<string, RegExp>> = {
  'gpt2-gelu': /GELU/,
  'gpt_neox-unbiased': /GELU/,
  'smollm3-listed': /do not turn/,
  'smollm3-window': /do not turn/,
};

/** The same checkpoints, changed so that GGUF has words for them; their widths take blocks, as those of their families above do not. */
const CHANGED: Readonly<Record<string, CheckpointChange>> = {
  'gpt2-gelu': { config: { activation_function: 'gelu_new' } },
  'gpt_neox-unbiased': { config: { hidden_act: 'gelu' } },
  'smollm3-listed': { config: { no_rope_layers: [1, 1, 1] } },
  'smollm3-window': { config: { no_rope_layers: [1, 1] } },
};

async function joined(pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer>> {
  const copies: Uint8Array[] = [];
  for await (const piece of pieces) copies.push(piece.slice());
  return new Uint8Array(Buffer.concat(copies));
}

async function ggufOf(source: ModelInput, type?: StoredType): Promise<Uint8Array<ArrayBuffer>> {
  return joined(toGguf(await convertedModel(await openModel(source), type)));
}

async function folderOf(source: ModelInput, type?: StoredType): Promise<Record<string, Uint8Array<ArrayBuffer>>> {
  const files: Record<string, Uint8Array<ArrayBuffer>> = {};
  for (const { name, pieces } of await toFolder(await convertedModel(await openModel(source), type))) {
    files[name] = await joined(pieces());
  }
  return files;
}

async function logitsOf(source: ModelInput, dtype: WeightType, prompt: readonly number[]): Promise<Float32Array> {
  const { transformer } = await loadParts(source, { dtype, context: 256 });
  const logits = prefill(transformer.session(), [...prompt]).slice();
  transformer.dispose();
  return logits;
}

for (const [name, message] of Object.entries(UNSAYABLE)) {
  test(`${name}: GGUF has no words for it, which is said`, async () => {
    const error = await rejection(() => ggufOf(checkpointFiles(name)));
    assert.is(error.code, 'config.unsupported');
    assert.match(error.message, message);
  });
}

const SAYABLE: readonly [name: string, change: CheckpointChange][] = CHECKPOINTS.map((name) => [
  name,
  CHANGED[name] ?? {},
]);

for (const [name, change] of SAYABLE) {
  test(`${name}: the bits of the folder, from GGUF in every type, and from the folder that is written from it`, async () => {
    const folder = checkpointFiles(name, change);
    const { config } = await openModel(folder);
    const prompt = [...expectedOf(name).prompt].slice(0, 40);
    const types: [StoredType, WeightType][] = [
      ['f32', 'f32'],
      ['f16', 'f16'],
    ];
    if (misfit(config, 'q8') === undefined) types.push(['q8', 'q8'], ['q4', 'q4']);
    for (const [type, dtype] of types) {
      const expected = await logitsOf(folder, dtype, prompt);
      const file = await ggufOf(folder, type);
      assert.is(firstDifference(await logitsOf(file, dtype, prompt), expected), -1, `GGUF in ${type}`);
      const back = await folderOf(file);
      assert.is(firstDifference(await logitsOf(back, dtype, prompt), expected), -1, `folder in ${type}`);
      assert.ok(Buffer.from(await ggufOf(back)).equals(file), `GGUF of the folder in ${type}`);
      const same = await folderOf(folder, type);
      assert.is(firstDifference(await logitsOf(same, dtype, prompt), expected), -1, `folder of the folder in ${type}`);
    }
  });
}

test('every family is written in blocks by one checkpoint at least', async () => {
  const blocked = new Set<string>();
  for (const [name, change] of SAYABLE) {
    const { config } = await openModel(checkpointFiles(name, change));
    if (misfit(config, 'q8') === undefined) blocked.add(name.slice(0, name.indexOf('-')));
  }
  const families = new Set(CHECKPOINTS.map((name) => name.slice(0, name.indexOf('-'))));
  families.delete('gemma3'); // its text part is that of gemma3_text
  assert.equal([...blocked].sort(), [...families].sort());
});

// Planted faults: a comparison of bits must see each way in which a file of a family differs from a folder.

/** The file with bytes of a tensor changed. */
async function damaged(file: Uint8Array<ArrayBuffer>, tensor: string, change: (bytes: Uint8Array) => void) {
  const copy = file.slice();
  const { begin, end } = (await readGguf(bytesSource(copy, 'x'))).tensors.get(tensor)!;
  change(copy.subarray(begin, end));
  return copy;
}

/** Exchanges halves of rows, so that a wrong order of them is made. */
function exchangeHalves(bytes: Uint8Array): void {
  const half = bytes.slice(0, bytes.length / 2);
  bytes.copyWithin(0, bytes.length / 2);
  bytes.set(half, bytes.length / 2);
}

for (const [name, tensor, change] of [
  ['llama-llama3', 'rope_freqs.weight', (bytes: Uint8Array) => bytes.set([0, 0, 0x80, 0x3f], bytes.length - 4)],
  ['llama-biased', 'blk.1.attn_q.bias', exchangeHalves],
  ['llama-biased', 'blk.0.ffn_gate.bias', exchangeHalves],
  ['phi3-longrope', 'rope_factors_long.weight', exchangeHalves],
  ['phi3-plain', 'blk.0.ffn_up.weight', exchangeHalves],
  ['gpt2-plain', 'blk.0.attn_qkv.weight', exchangeHalves],
  ['gpt2-plain', 'position_embd.weight', exchangeHalves],
  ['gpt_neox-plain', 'blk.1.attn_qkv.bias', exchangeHalves],
  ['gemma2-plain', 'blk.0.post_ffw_norm.weight', exchangeHalves],
  ['qwen3-plain', 'blk.0.attn_k_norm.weight', exchangeHalves],
] as const) {
  test(`${name}: what ${tensor} holds counts (planted fault)`, async () => {
    const folder = checkpointFiles(name);
    const prompt = [...expectedOf(name).prompt].slice(0, 40);
    const file = await ggufOf(folder, 'f32');
    const expected = await logitsOf(folder, 'f32', prompt);
    assert.is.not(firstDifference(await logitsOf(await damaged(file, tensor, change), 'f32', prompt), expected), -1);
  });
}

test.run();
