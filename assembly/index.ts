/**
 * The kernels. The host calls runProgram; the others are exported for their own tests and benchmarks.
 */
export { add, geluErfGate, geluGate, siluGate, softCap } from './activation';
export { attention, attentionTiles } from './attention';
export { embedBf16, embedF16, embedF32, embedQ4, embedQ8 } from './embed';
export { kvMove, kvStore } from './kv-cache';
export { exponentials } from './math';
export { matmulBf16 } from './matmul/bf16';
export { matmulF16 } from './matmul/f16';
export { matmulF32 } from './matmul/f32';
export { matmulQ4 } from './matmul/q4';
export { matmulQ8 } from './matmul/q8';
export { headNorm, layerNorm, rmsNorm } from './norm';
export { runProgram } from './program';
export { quantizeQ4, quantizeQ8 } from './quantize';
export { rope, ropeTable } from './rope';
export { argmax, topK } from './select';
export { softmax } from './softmax';
