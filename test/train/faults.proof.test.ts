/**
 * Faults that the comparison with twins must see: each is planted in the program of an example.
 * @module
 */
import { floatBits } from '../../src/engine/program.ts';
import * as op from '../../src/train/opcodes.ts';
import { assert, test } from '../harness.ts';
import { derive } from './differences.ts';
import { tampered } from './engines.ts';
import { EXAMPLES } from './examples.ts';

/** As in operations.test.ts. */
const TOLERANCE = 2e-5;

/** [title, example, opcode, what becomes of the op's words: numbers of operands, from 1, and what they are then] */
type Change = (words: Int32Array) => void;

const set =
  (operand: number, value: number): Change =>
  (words) => {
    words[operand] = value;
  };

const swap =
  (a: number, b: number): Change =>
  (words) => {
    [words[a], words[b]] = [words[b]!, words[a]!];
  };

const FAULTS: readonly [title: string, example: string, opcode: number, change: Change][] = [
  [
    'dW of a square matrix is transposed',
    'linear, square',
    op.PRODUCT,
    (words) => {
      if ((words[10]! & op.A_TRANSPOSED) !== 0) swap(2, 3)(words);
    },
  ],
  ['the last column of a product is left out', 'linear, 8 x 16 of 12', op.PRODUCT, (words) => void words[5]!--],
  ['a bias has the gradient of the first rows alone', 'linear, square', op.COLUMN_SUMS, set(3, 15)],
  [
    'a block of the reduction is left out',
    'linear over several blocks',
    op.PRODUCT,
    (words) => {
      words[6] = Math.min(words[6]!, op.BLOCK_INNER);
    },
  ],
  ['the scale of an embedding is left out going back', 'embedding', op.ADD_ROWS, set(6, floatBits(1))],
  ['rows that are chosen add to what lay there', 'rows chosen of a product', op.ZERO, set(2, 0)],
  ['a norm goes back without its centre', 'LayerNorm', op.NORM_BACKWARD, set(10, 0)],
  ['a norm without a centre has one going back', 'RMSNorm', op.NORM_BACKWARD, set(10, 1)],
  ['the weight of a norm has the gradient of the first rows alone', 'RMSNorm', op.NORM_WEIGHT_BACKWARD, set(5, 4)],
  ['a gradient is turned on, not back', 'RoPE, interleaved', op.ROTATE, set(10, floatBits(1))],
  [
    'a gradient is turned in other pairs',
    'RoPE, halves, part of a head',
    op.ROTATE,
    (words) => {
      if (words[10] === floatBits(-1)) words[9] = 1;
    },
  ],
  ["a segment has another's mask", 'attention, trees, grouped', op.ATTEND, (words) => void (words[7]! |= op.ONE_MASK)],
  [
    "a segment has another's mask going back",
    'attention, trees, grouped',
    op.ATTEND_BACKWARD,
    (words) => {
      words[10]! |= op.ONE_MASK;
    },
  ],
  ['keys and values change places going back', 'attention, causal, grouped', op.ATTEND_BACKWARD, swap(6, 7)],
  ['scores are not scaled going back', 'attention, causal, one head', op.ATTEND_BACKWARD, set(16, floatBits(1))],
  [
    'heads are grouped otherwise going back',
    'attention, causal, grouped',
    op.ATTEND_BACKWARD,
    (words) => {
      words[13] = words[14]!;
    },
  ],
  ['another activation goes back', 'gelu', op.ACTIVATE_BACKWARD, set(9, op.GELU_TANH)],
  ['a gate has no gradient from what it lets through', 'silu as a gate', op.ACTIVATE_BACKWARD, set(6, 0)],
  ['a later part of a gradient is written over the first', 'tensors with several uses', op.COMBINE, set(2, 0)],
  ['a label is left out', 'cross-entropy', op.CROSS_ENTROPY, (words) => void (words[8]! -= 1)],
  ['weights of rows are left out', 'cross-entropy with weights', op.CROSS_ENTROPY, set(6, 0)],
  ['another divergence', 'forward KL', op.DIVERGENCE, set(10, op.REVERSE_KL)],
  ['beta weighs the other side', 'JSD(0.1)', op.DIVERGENCE, set(11, floatBits(0.9))],
  ['the teacher is the student', 'TVD', op.DIVERGENCE, swap(4, 5)],
  ['beta is another', 'smooth L1', op.SMOOTH_L1, set(10, floatBits(1))],
];

for (const [title, name, opcode, change] of FAULTS) {
  test(`${name}: it is seen when ${title} (planted fault, seed 3)`, async () => {
    let met = 0;
    const engine = tampered((words) => {
      if (words[0] !== opcode) return;
      met++;
      change(words);
    });
    const { outputError, gradientErrors } = await derive(EXAMPLES[name]!, 3, engine);
    assert.ok(met > 0, 'the op is there');
    const largest = Math.max(
      outputError,
      ...Object.values(gradientErrors).map((error) => (error >= 0 ? error : Infinity)),
    );
    assert.ok(largest > TOLERANCE, `the largest error is ${largest}`);
  });
}

test.run();
