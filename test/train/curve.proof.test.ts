/**
 * The first updates of a small Llama follow PyTorch's; test/full/training-curve.test.ts runs them all.
 * @module
 */
import { floatBits } from '../../src/engine/program.ts';
import { A_TRANSPOSED, ADAMW, PRODUCT, ROTATE } from '../../src/train/opcodes.ts';
import { assert, note, test } from '../harness.ts';
import { lossError, recorded, train } from './curve.ts';
import { tampered } from './engines.ts';

const UPDATES = 20;
/** Parts of the loss: rounding of f32, which grows from update to update. */
const TOLERANCE = 1e-5;

test(`${UPDATES} updates from the same weights and texts have PyTorch's losses, within a part in 100 000 (seeds 7, 11)`, async () => {
  const results = await train(UPDATES);
  const error = lossError(results);
  note(`losses of ${UPDATES} updates beside PyTorch's: within ${error.toExponential(1)}`);
  assert.ok(error < TOLERANCE, `${error}`);
  results.forEach(({ gradientNorm, learningRate }, update) => {
    assert.ok(Math.abs(gradientNorm / recorded.gradientNorms[update]! - 1) < 1e-2, `length of gradient ${update}`);
    assert.ok(Math.abs(learningRate / recorded.learningRates[update]! - 1) < 1e-7, `learning rate ${update}`);
  });
  assert.ok(results.at(-1)!.loss < 0.8 * results[0]!.loss, 'it learns');
});

/** Faults, by what becomes of the words of an op. */
const FAULTS: Readonly<Record<string, (op: Int32Array) => void>> = {
  'the gradient of square matrices is transposed': (op) => {
    // dW = dyᵀ x becomes xᵀ dy.
    const isSquare = op[4] === op[5];
    if (op[0] === PRODUCT && (op[10]! & A_TRANSPOSED) !== 0 && isSquare) [op[2], op[3]] = [op[3]!, op[2]!];
  },
  'gradients are turned on, not back': (op) => {
    if (op[0] === ROTATE) op[10] = floatBits(1);
  },
  'the mean of squares is not corrected for its beginning at 0': (op) => {
    if (op[0] === ADAMW) op[13] = floatBits(1);
  },
  'gradients are not clipped': (op) => {
    if (op[0] === ADAMW) op[6] = floatBits(1);
  },
  'weights do not decay': (op) => {
    if (op[0] === ADAMW) op[7] = floatBits(1);
  },
};

for (const [fault, change] of Object.entries(FAULTS)) {
  test(`where ${fault} the losses are others (planted fault, seeds 7, 11)`, async () => {
    const error = lossError(await train(10, tampered(change)));
    assert.ok(error > TOLERANCE, `${error}`);
  });
}

test.run();
