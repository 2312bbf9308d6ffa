/**
 * Losses; formulas in assembly/gradient/loss.ts. A batch's loss is the sum of all of them over all rows.
 * @module
 */
import { outOfRange } from '../../check-options.ts';
import { floatBits } from '../../engine/program.ts';
import { expectShape, type Ids, type Tensor, type Writer } from '../graph.ts';
import {
  CROSS_ENTROPY,
  DIVERGENCE,
  FORWARD_KL,
  JENSEN_SHANNON,
  REVERSE_KL,
  SMOOTH_L1,
  TOTAL_VARIATION,
} from '../opcodes.ts';

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
  addLoss('crossEntropy', logits, [], options, (write, losses, { address, keep }, weights, scale) => {
    const sizes = [scale, logits.rows, logits.cols];
    write.push(
      CROSS_ENTROPY,
      address,
      keep,
      losses,
      write.at(logits),
      write.at(labels),
      weights,
      ...sizes,
      write.scratch,
    );
  });
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
  addLoss(kind, logits, [teacher], options, (write, losses, { address, keep }, weights, scale) => {
    const operands = [write.at(logits), write.at(teacher), weights, scale, logits.rows, logits.cols];
    write.push(DIVERGENCE, address, keep, losses, ...operands, KINDS[kind], floatBits(beta), write.scratch);
  });
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
  addLoss('smoothL1', x, [y], options, (write, losses, { address, keep }, weights, scale) => {
    const operands = [write.at(x), write.at(y), weights, scale, x.rows, x.cols, floatBits(beta)];
    write.push(SMOOTH_L1, address, keep, losses, ...operands);
  });
}

function expectSame(x: Tensor, y: Tensor): void {
  expectShape(y.rows === x.rows && y.cols === x.cols, `a loss of ${x.size} from ${y.size}`);
}

type WriteLoss = (
  write: Writer,
  losses: number,
  into: ReturnType<Writer['into']>,
  weights: number,
  /** As an operand. */
  scale: number,
) => void;

function addLoss(
  kind: string,
  x: Tensor,
  others: readonly Tensor[],
  { name = kind, weights, scale = 1 }: LossOptions,
  push: WriteLoss,
): void {
  const { rows, cols } = x;
  expectShape(!weights || weights.elements === rows, `weights of ${weights?.size} for ${rows} rows`);
  const factor = floatBits(weights ? scale : scale / rows);
  const rowBytes = Math.ceil(cols / 4) * 16;
  x.graph.addLoss({
    name,
    inputs: [x],
    reads: [x, ...others, ...(weights ? [weights] : [])],
    rows,
    scratchBytes: (threads) => threads * 2 * rowBytes,
    write: (write, losses) => push(write, losses, write.into(x), weights ? write.at(weights) : 0, factor),
  });
}
