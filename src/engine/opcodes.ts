/**
 * The instruction set of programs, shared by the host that writes programs and the kernels that run them: this file is
 * compiled by both TypeScript and AssemblyScript, so it holds numbers only.
 *
 * A program is an array of ops of OP_WORDS 32-bit words: the opcode, then its operands in the order given here. Operands are
 * byte addresses (`out`, `x` ...), element counts, or the bits of an f32 (marked f32). `rows` is the number of tokens in the pass.
 * Matrices are row-major f32 unless said otherwise; a stride is the number of elements between the starts of two rows.
 *
 *   PACKED f32 weight (outDim, inDim): panels of PANEL outputs, ceil(outDim / PANEL) of them, the last filled up with zeros;
 *     element (o, i) is float number (o / PANEL * inDim + i) * PANEL + o % PANEL.
 *   PACKED bf16 and f16 weight: the same panels of 16-bit numbers; output o of a panel and input i are number i * PANEL + o % 4 * 2 + o / 4 of it.
 *   PACKED q8 weight: the same panels, each a row of inDim / BLOCK blocks of Q8_BLOCK_BYTES: 256 signed bytes, then 8 f32 scales (one an
 *     output), then 8 i16, each minus the sum of an output's bytes. Byte (i / 4 * PANEL + o) * 4 + i % 4 of a block belongs to output o of
 *     the panel and input i of the block.
 *   PACKED q4 weight: the same, in blocks of Q4_BLOCK_BYTES: 128 bytes, then 8 f32 scales. Byte (i / 4 * 4 + o % 4) * 4 + i % 4 holds output o of
 *     the panel and input i of the block as 0..15, for -8..7: in its lower four bits where o < 4, else in its upper four.
 *   QUANTIZED activations are written by an op for the products of one weight format and belong to the build: see assembly/quantize.ts.
 *   KEYS of one layer: per kv head, capacity * headDim numbers in blocks of KEY_BLOCK slots (capacity is a multiple of it). Element d of a
 *     slot is number ((slot / KEY_BLOCK) * headDim + d) * KEY_BLOCK + slot % KEY_BLOCK: a block is compared at once, each sum over d in order.
 *   VALUES of one layer: per kv head, row-major (capacity, headDim).
 *   Of both, f32 and f16 are numbers and nothing else; q8 is signed bytes, and behind those of a kv head come (capacity) f32 scales. Two elements
 *     of a q8 key lie side by side: element d is byte ((slot / KEY_BLOCK) * headDim + d - d % 2) * KEY_BLOCK + slot % KEY_BLOCK * 2 + d % 2.
 */

/** Words of one op. */
export const OP_WORDS = 18;
/** Outputs of one weight panel. */
export const PANEL = 8;
/** Inputs that share one q8 scale. */
export const BLOCK = 32;
/** Bytes of one q8 block of a panel: PANEL * BLOCK signed bytes, PANEL f32 scales and PANEL i16 sums. */
export const Q8_BLOCK_BYTES = 304;
/** Bytes of one q4 block of a panel: PANEL * BLOCK half bytes and PANEL f32 scales. */
export const Q4_BLOCK_BYTES = 160;
/** Slots of one block of keys. */
export const KEY_BLOCK = 8;

/** out (rows, dim), table PACKED f32, tokens (rows) i32, rows, dim, scale f32 */
export const EMBED_F32 = 1;
/** out (rows, dim), table PACKED q8, tokens (rows) i32, rows, dim, scale f32 */
export const EMBED_Q8 = 2;
/** out (rows, dim), x (rows, dim), weight (dim), rows, dim, epsilon f32 */
export const RMS_NORM = 3;
/** out (rows, dim), x (rows, dim), weight (dim), bias (dim), rows, dim, epsilon f32 */
export const LAYER_NORM = 4;
/** out (rows, dim) QUANTIZED, scales (rows, dim / BLOCK), x (rows, dim), rows, dim */
export const QUANTIZE_Q8 = 5;
/** out (rows, outDim) by outStride, x (rows, inDim), weight PACKED f32, bias (outDim) or 0, rows, inDim, outDim, outStride */
export const MATMUL_F32 = 6;
/** out (rows, outDim) by outStride, x (rows, inDim) QUANTIZED, scales (rows, inDim / BLOCK), weight PACKED q8, bias (outDim) or 0, rows, inDim, outDim, outStride */
export const MATMUL_Q8 = 7;
/** table (rows, 2, half): cosines then sines, positions (rows) i32, frequencies (half), rows, half, scale f32: both are multiplied by it */
export const ROPE_TABLE = 8;
/** x (rows, heads, headDim) by stride, in place, table, rows, heads, headDim, half (rotated pairs of a head), stride, pairing (0 halves, 1 interleaved) */
export const ROPE = 9;
/** x (rows, heads, headDim) by stride, in place, weight (headDim), rows, heads, headDim, stride, epsilon f32: RMS_NORM of every head */
export const HEAD_NORM = 10;
/** as GELU_GATE with GELU as it is defined, by the error function */
export const GELU_ERF_GATE = 11;
/** x (count), in place, count, cap f32: x = cap * tanh(x / cap) */
export const SOFT_CAP = 12;
/** out (rows, dim), gate (rows, dim) and up (rows, dim) or 0 by stride, rows, dim, stride: out = silu(gate) * up, or silu(gate) where there is no up */
export const SILU_GATE = 13;
/** the same with the tanh form of GELU */
export const GELU_GATE = 14;
/** out (count), a (count), b (count), count */
export const ADD = 15;
/** x (rows, dim), in place, rows, dim */
export const SOFTMAX = 16;
/** ids (rows) i32, x (rows, dim), rows, dim */
export const ARGMAX = 17;
/** ids (rows, k) i32, x (rows, dim), rows, dim, k: the k largest of each row, best first */
export const TOP_K = 18;
/** as EMBED_F32, table PACKED bf16 */
export const EMBED_BF16 = 19;
/** as EMBED_Q8, table PACKED q4 */
export const EMBED_Q4 = 20;
/** as MATMUL_F32, weight PACKED bf16 */
export const MATMUL_BF16 = 21;
/** as QUANTIZE_Q8, scales (rows, dim / BLOCK, 2) */
export const QUANTIZE_Q4 = 22;
/** as MATMUL_Q8, scales (rows, inDim / BLOCK, 2), weight PACKED q4 */
export const MATMUL_Q4 = 23;

/** as EMBED_F32, table PACKED f16 */
export const EMBED_F16 = 33;
/** as MATMUL_F32, weight PACKED f16 */
export const MATMUL_F16 = 34;

/** Types of a KV cache. Each op on one has an opcode a type: that of f32 and the type's number. */
export const KV_F32 = 0;
export const KV_F16 = 1;
export const KV_Q8 = 2;
/** keys, values, k (rows, kvHeads, headDim), v (the same) by stride, slot of the first row, rows, kvHeads, headDim, capacity, stride */
export const KV_STORE_F32 = 24;
export const KV_STORE_F16 = 25;
export const KV_STORE_Q8 = 26;
/** keys, values, from slot, to slot, kvHeads, headDim, capacity */
export const KV_MOVE_F32 = 27;
export const KV_MOVE_F16 = 28;
export const KV_MOVE_Q8 = 29;
/**
 * out (rows, heads, headDim), q (the same) by stride, keys, values, paths (rows, rows) i32, depths (rows) i32, length, rows, heads, kvHeads,
 * headDim, capacity, stride, scratch, scale f32, window, cap f32.
 * Row r of `paths` begins with the depths[r] + 1 new rows on the way from the root to r, r itself last; new row i lies in slot length + i.
 * A row sees the last `window` positions of its path, its own among them; all where window is 0. Scores go through SOFT_CAP unless cap is 0.
 */
export const ATTENTION_F32 = 30;
export const ATTENTION_F16 = 31;
export const ATTENTION_Q8 = 32;

/**
 * Queries that attention takes at once. Its scratch holds their scores over every position, and beside them what several queries are read from at
 * once, their elements or the weights of a block of positions: ATTENTION_TILE * (capacity + headDim + ATTENTION_BLOCK) f32 for each thread.
 */
export const ATTENTION_TILE = 4;
/** Positions whose values are added before the next elements are turned to: they stay in the first-level cache. */
export const ATTENTION_BLOCK = 32;
