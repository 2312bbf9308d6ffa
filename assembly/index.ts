/**
 * The kernels. The host calls runProgram; the others are exported for their own tests and benchmarks.
 */
export { add, geluGate, siluGate } from './activation';
export { attention, attentionTiles } from './attention';
export { embedF32, embedQ8 } from './embed';
export { kvMove, kvStore } from './kv-cache';
export { exponentials } from './math';
export { matmulF32 } from './matmul/f32';
export { matmulQ8 } from './matmul/q8';
export { layerNorm, rmsNorm } from './norm';
export { runProgram } from './program';
export { quantizeRows } from './quantize';
export { rope, ropeTable } from './rope';
export { argmax, topK } from './select';
export { softmax } from './softmax';
