/**
 * The kernels. The host calls runProgram; the others are exported for their own tests and benchmarks.
 */
export { add, geluGate, siluGate } from './activation';
export { attention, attentionTiles } from './attention';
export { kvMove, kvStore } from './kv-cache';
export { exponential, hyperbolicTangent } from './math';
export { layerNorm, rmsNorm } from './norm';
export { runProgram } from './program';
export { rope, ropeTable } from './rope';
export { argmax, topK } from './select';
export { softmax } from './softmax';
