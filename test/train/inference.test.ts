/**
 * The forward pass of training has the bits of inference: a Llama of test/fixtures/models, as a graph and as a model, on chains and on trees.
 * @module
 */
import { readFileSync } from 'node:fs';
import { floatBits } from '../../src/engine/program.ts';
import { bytesSource } from '../../src/formats/byte-source.ts';
import { decodeBf16 } from '../../src/formats/float16.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { formOf, frequenciesFor } from '../../src/model/form.ts';
import { loadTransformer } from '../../src/model/load-transformer.ts';
import type { TransformerModel } from '../../src/model/transformer-model.ts';
import { Graph } from '../../src/train/graph.ts';
import { decoderLayer } from '../../src/train/layers.ts';
import { ATTEND } from '../../src/train/opcodes.ts';
import { embed } from '../../src/train/operations/embed.ts';
import { linear } from '../../src/train/operations/linear.ts';
import { crossEntropy } from '../../src/train/operations/loss.ts';
import { rmsNorm } from '../../src/train/operations/norm.ts';
import { ropeTable } from '../../src/train/operations/rope.ts';
import { createTrainer } from '../../src/train/trainer.ts';
import { assert, firstDifference, random, test } from '../harness.ts';
import { fixtureModel, fixturePath } from '../model/fixture-model.ts';
import { randomParents, withTokens } from '../model/trees.ts';
import { plain, tampered } from './engines.ts';

const ROWS = 29;

/** The checkpoint's tensors as f32, by name. */
async function checkpoint(name: string): Promise<Map<string, Float32Array>> {
  const bytes = new Uint8Array(readFileSync(`${fixturePath(name)}/model.safetensors`));
  const { tensors } = await readSafetensors(bytesSource(bytes, name));
  return new Map(
    [...tensors.values()].map(({ name: tensor, begin, end, elements }) => {
      const values = new Float32Array(elements);
      decodeBf16(new Uint16Array(bytes.slice(begin, end).buffer), values);
      return [tensor, values];
    }),
  );
}

function graphOf({ config }: TransformerModel): Graph {
  const { hidden, vocab, layers, rmsNormEpsilon } = config;
  const graph = new Graph();
  const mask = graph.tree('parents', 1, ROWS);
  const tokens = graph.ids('tokens', ROWS, vocab);
  const rotary = ropeTable(mask, Float32Array.from(frequenciesFor(formOf(config).ropes[0]!, 64)));
  const table = graph.parameter('model.embed_tokens.weight', vocab, hidden);
  let stream = embed(table, tokens);
  for (let layer = 0; layer < layers; layer++) {
    stream = decoderLayer(stream, `model.layers.${layer}`, { shape: config, mask, rotary });
  }
  const logits = linear(rmsNorm(stream, graph.parameter('model.norm.weight', 1, hidden), rmsNormEpsilon), table);
  graph.output('logits', logits);
  crossEntropy(logits, tokens);
  return graph;
}

/** Logits of every row of a tree without anything before it: of the graph, and of the model. */
async function both(seed: number, parents: readonly number[], engine = plain): Promise<[Float32Array, Float32Array]> {
  const model = await fixtureModel('test-300k', { dtype: 'f32' });
  const tree = withTokens([...parents], random(seed), model.config.vocab);
  const graph = graphOf(model);
  const trainer = await createTrainer(graph, { engine });
  for (const [name, values] of await checkpoint('test-300k')) trainer.set(name, values);
  trainer.evaluate({ tokens: tree.tokens, parents });
  const rows = model.session().forward(tree, 'all');
  const want = new Float32Array(ROWS * model.config.vocab);
  for (let row = 0; row < ROWS; row++) want.set(rows.logits(row), row * model.config.vocab);
  return [trainer.read('logits'), want];
}

const CHAIN = Array.from({ length: ROWS }, (_, row) => row - 1);

test('logits of a chain have the bits of inference (seed 1)', async () => {
  const [got, want] = await both(1, CHAIN);
  assert.is(firstDifference(got, want), -1);
});

for (const seed of [2, 3, 4]) {
  test(`logits of a random tree have the bits of inference (seed ${seed})`, async () => {
    const [got, want] = await both(seed, randomParents(random(seed), ROWS));
    assert.is(firstDifference(got, want), -1);
  });
}

test('a model that runs on the engine of training has the bits that it has on its own', async () => {
  const logits = await Promise.all(
    [undefined, plain].map(async (engine) => {
      const options = { dtype: 'q8', ...(engine && { engine }) } as const;
      const session = (await loadTransformer(fixturePath('test-300k'), options)).session();
      return session
        .forward(withTokens(CHAIN, random(5), session.vocab), 'last')
        .logits(ROWS - 1)
        .slice();
    }),
  );
  assert.is(firstDifference(logits[0]!, logits[1]!), -1);
});

test('scores that are scaled a little otherwise are seen (planted fault, seed 1)', async () => {
  const engine = tampered((op) => void (op[0] === ATTEND && (op[13] = floatBits(0.2500001))));
  const [got, want] = await both(1, CHAIN, engine);
  assert.is.not(firstDifference(got, want), -1);
});

test.run();
