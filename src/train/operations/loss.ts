/**
 * Losses; formulas in assembly/gradient/loss.ts. A batch's loss is the sum of all of them over all rows.
 * @module
 */
import { outOfRange } from '../../check-options.ts';
import { floatBits } from '../../engine/program.ts';
import { expectShape, type Ids, type Tensor } from '../graph.ts';
import {
  CROSS_ENTROPY,
  DIVERGENCE,
  FORWARD_KL,
  JENSEN_SHANNON,
  REVERSE_KL,
  SMOOTH_L1,
  TOTAL_VARIATION,
} from '../opcodes.ts';
import { scale as scaled } from './elementwise.ts';

export interface LossOptions {
  /** Under which the step reports it; default: the kind of loss. */
  readonly name?: string;
  /** (rows, 1): what each row's loss is multiplied by; a row of 0 has none. Default: 1 / rows, so that the loss is their mean. */
  readonly weights?: Tensor;
  /** All are multiplied by it; default 1. */
  readonly scale?: number;
}

/** -ln of the label's probability. @param labels (rows,); a row of -1 has no loss */
export function crossEntropy(logits: Tensor, labels: Ids, options: LossOptions = {}): void {
  expectShape(
    labels.rows === logits.rows && labels.limit <= logits.cols,
    `${labels.rows} labels below ${labels.limit} for logits of ${logits.size}`,
  );
  addLoss(logits, labels, { name: 'crossEntropy', ...options }, CROSS_ENTROPY, (scratch) => [scratch]);
}

const KINDS = {
  'forward-kl': FORWARD_KL,
  'reverse-kl': REVERSE_KL,
  jsd: JENSEN_SHANNON,
  tvd: TOTAL_VARIATION,
} as const;

export interface DivergenceOptions extends LossOptions {
  /** Of the student's distribution from the teacher's. */
  readonly kind: keyof typeof KINDS;
  /** The teacher's part of the mixture of `jsd`, between 0 and 1; default 0.5. */
  readonly beta?: number;
}

/** How far softmax(logits) is from softmax(teacher), of which no gradient is taken. */
export function divergence(logits: Tensor, teacher: Tensor, options: DivergenceOptions): void {
  const { kind, beta = 0.5 } = options;
  if (!Object.hasOwn(KINDS, kind)) throw outOfRange('kind', Object.keys(KINDS).join(', '), String(kind));
  if (!(beta > 0 && beta < 1)) throw outOfRange('beta', 'a number between 0 and 1', beta);
  expectSame(logits, teacher);
  const operands = [KINDS[kind], floatBits(beta)];
  addLoss(logits, teacher, { name: kind, ...options }, DIVERGENCE, (scratch) => [...operands, scratch]);
}

export interface SmoothL1Options extends LossOptions {
  /** Differences below it count by their square; default 1. */
  readonly beta?: number;
}

/** The mean over a row of smoothed differences. @param y of which no gradient is taken */
export function smoothL1(x: Tensor, y: Tensor, options: SmoothL1Options = {}): void {
  const { beta = 1 } = options;
  if (!(beta > 0)) throw outOfRange('beta', 'a number above 0', beta);
  expectSame(x, y);
  addLoss(x, y, { name: 'smoothL1', ...options }, SMOOTH_L1, () => [floatBits(beta)]);
}

function expectSame(x: Tensor, y: Tensor): void {
  expectShape(y.rows === x.rows && y.cols === x.cols, `a loss of ${x.size} from ${y.size}`);
}

/**
 * @param y    what x is compared with
 * @param tail operands of the op behind those that all losses have
 */
function addLoss(
  given: Tensor,
  y: Tensor | Ids,
  { name, weights, scale = 1 }: LossOptions & { readonly name: string },
  opcode: number,
  tail: (scratch: number) => number[],
): void {
  // A loss writes a gradient whether one is wanted or not, as in an evaluation: so never into a parameter's own, but by way of a copy.
  const x = given.base.operation ? given : scaled(given, 1);
  const { rows, cols } = x;
  expectShape(!weights || weights.elements === rows, `weights of ${weights?.size} for ${rows} rows`);
  const factor = floatBits(weights ? scale : scale / rows);
  x.graph.addLoss({
    name,
    inputs: [x],
    reads: [x, ...('cols' in y ? [y] : []), ...(weights ? [weights] : [])],
    rows,
    scratchBytes: (threads) => threads * 2 * Math.ceil(cols / 4) * 16,
    write(write, losses) {
      const { address, keep } = write.into(x);
      const operands = [write.at(x), write.at(y), weights ? write.at(weights) : 0, factor, rows, cols];
      write.push(opcode, address, keep, losses, ...operands, ...tail(write.scratch));
    },
  });
}
