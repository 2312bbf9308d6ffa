/**
 * The kernels of training: all of inference, and with them what goes backward. The host calls runProgram; the others are exported for their own tests
 * and benchmarks.
 */
export { exponentials } from '../math';
export { activate, activateBackward } from './activation';
export { adamW, squares } from './adamw';
export { attend, attendBackward } from './attention';
export { combine, multiplyPairs } from './elementwise';
export { logarithm } from './logarithm';
export { crossEntropy, divergence, smoothL1 } from './loss';
export { normBackward, normWeightBackward } from './norm';
export { product } from './product';
export { runProgram } from './program';
export { rotate } from './rotate';
export { addBias, addRows, columnSums, takeRows } from './rows';
