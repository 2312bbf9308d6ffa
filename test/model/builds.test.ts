/** P2 within one runtime: the relaxed build of the kernels gives a whole model the bits of the plain one. */
import { createEngine } from '../../src/engine/engine.ts';
import { loadTransformer } from '../../src/model/load-transformer.ts';
import type { KvType, WeightType } from '../../src/model/memory-plan.ts';
import { assert, firstDifference, random, randomInt, test } from '../harness.ts';
import { BUILDS, type Build, kernelsBinary } from '../kernels/kernel-host.ts';
import { fixturePath, prefill } from './fixture-model.ts';
import { randomParents, withTokens } from './trees.ts';

/** Logits after a prompt, then of every node of a random tree. */
async function logitsOf(build: Build, dtype: WeightType, kv: KvType = 'f32'): Promise<Float32Array[]> {
  const next = random(1);
  const engine = await createEngine({ module: new WebAssembly.Module(kernelsBinary(build)) });
  const session = (await loadTransformer(fixturePath('test-300k'), { engine, dtype, kv })).session();
  const prompt = Array.from({ length: 37 }, () => randomInt(next, session.vocab));
  const last = prefill(session, prompt).slice();
  const tree = withTokens(randomParents(next, 23), next, session.vocab);
  const rows = session.forward(tree, 'all');
  return [last, ...Array.from(tree.tokens, (_, node) => rows.logits(node).slice())];
}

for (const dtype of ['f32', 'bf16', 'f16', 'q8', 'q4'] as const) {
  test(`${dtype}: logits after a prompt and of every node of a tree are the same in both builds, and not in another type (seed 1)`, async () => {
    const [plain, relaxed] = (await Promise.all(BUILDS.map((build) => logitsOf(build, dtype)))) as [
      Float32Array[],
      Float32Array[],
    ];
    assert.is(relaxed.length, 24);
    relaxed.forEach((row, i) => {
      assert.is(firstDifference(row, plain[i]!), -1, `row ${i}`);
    });
    const other = await logitsOf('relaxed', dtype === 'q8' ? 'q4' : 'q8');
    assert.ok(other.every((row, i) => firstDifference(row, plain[i]!) !== -1));
  });
}

for (const kv of ['f16', 'q8'] as const) {
  test(`cache in ${kv}: logits are the same in both builds (seed 1)`, async () => {
    const [plain, relaxed] = await Promise.all(BUILDS.map((build) => logitsOf(build, 'q8', kv)));
    relaxed!.forEach((row, i) => {
      assert.is(firstDifference(row, plain![i]!), -1, `row ${i}`);
    });
  });
}

test.run();
