/**
 * 200 updates of a small Llama follow PyTorch's, within a hundredth of the loss.
 * @module
 */
import { assert, note, test } from '../harness.ts';
import { lossError, recorded, train } from '../train/curve.ts';

test(`${recorded.losses.length} updates from the same weights and texts have PyTorch's losses, within a hundredth (seeds 7, 11)`, async () => {
  const results = await train(recorded.losses.length);
  const error = lossError(results);
  const [first, last] = [results[0]!.loss, results.at(-1)!.loss];
  note(
    `${recorded.parameters} parameters, loss ${first.toFixed(3)} to ${last.toFixed(3)}: within ${error.toExponential(1)} of PyTorch's`,
  );
  assert.ok(error < 0.01, `${error}`);
  assert.ok(last < 0.5 * first);
});

test.run();
