/**
 * The instructions that training adds to those of inference (src/engine/opcodes.ts): products of row-major matrices, backward kernels, losses,
 * the optimizer. Like that file, this one is compiled by both TypeScript and AssemblyScript, so it holds numbers only.
 *
 * A program may mix both kinds. Matrices are row-major f32; `keep` is -1 where an op adds to what its output holds, and 0 where it writes
 * over it. `scratch` is as many bytes for each thread as the op says.
 * Ids below 0 stand for nothing: rows of zeros, labels that do not count.
 */

/** Opcodes from here on are those of training. */
export const FIRST_OF_TRAINING = 64;

/** c (rows, cols) by cStride, a (rows, inner) by aStride, b (inner, cols) by bStride, rows, cols, inner, cStride, aStride, bStride, layout, scratch (PRODUCT_SCRATCH): c = a b */
export const PRODUCT = 64;
/** Bits of `layout`: a is held as (inner, rows); b is held as (cols, inner); c is added to. */
export const A_TRANSPOSED = 1;
export const B_TRANSPOSED = 2;
export const KEEP = 4;

/** x (rows, dim), in place, bias (dim), rows, dim */
export const ADD_BIAS = 65;
/** out (dim), x (rows, dim), rows, dim: the sum of each column is added to out */
export const COLUMN_SUMS = 66;
/** out (rows, dim), table (n, dim), ids (rows) i32, rows, dim, scale f32 */
export const TAKE_ROWS = 67;
/** table (n, dim), x (rows, dim), ids (rows) i32, rows, dim, scale f32: x, scaled, is added to the rows that it was taken from */
export const ADD_ROWS = 68;

/**
 * dx (rows, dim) or 0, keep, x (rows, dim), weight (dim), dy (rows, dim), statistics (rows, 2), rows, dim, epsilon f32, centred (1 of LAYER_NORM, 0 of
 * RMS_NORM); statistics are the mean and the factor of each row
 */
export const NORM_BACKWARD = 69;
/** dweight (dim), x (rows, dim), dy (rows, dim), statistics (rows, 2), rows, dim: added to dweight */
export const NORM_WEIGHT_BACKWARD = 70;

/** out (rows, heads, headDim), keep, x (the same), table as of ROPE_TABLE, rows, heads, headDim, half, pairing, direction (1, or -1 to turn back) f32 */
export const ROTATE = 71;

/**
 * out (segments, rows, heads, headDim), q (the same), k (segments, rows, kvHeads, headDim), v (the same), paths i32, depths i32, flags, segments, rows,
 * heads, kvHeads, headDim, scale f32, scratch: ATTENTION_F32 of each segment by itself. Paths and depths are those of ATTENTION_F32, for each segment or
 * with ONE_MASK for all of them. Scratch: (5 headDim + 8) * 4 bytes for each row, rows counted up to a multiple of KEY_BLOCK, and 16 headDim.
 */
export const ATTEND = 72;
/** dq, dk, dv, dout, then as ATTEND from q on, where bits of `flags` also say which of the outputs are added to */
export const ATTEND_BACKWARD = 73;
/** Bits of the flags of both. */
export const ONE_MASK = 1;
export const KEEP_DQ = 2;
export const KEEP_DK = 4;
export const KEEP_DV = 8;

/** out (count), gate (count), up (count) or 0, count, kind: out = activation(gate) * up */
export const ACTIVATE = 74;
/** dgate or 0, keepGate, dup or 0, keepUp, gate, up or 0, dout, count, kind, scratch (ACTIVATION_CHUNK * 4 bytes) */
export const ACTIVATE_BACKWARD = 75;
/** Kinds of activations. */
export const SILU = 0;
export const GELU_TANH = 1;
export const GELU_ERF = 2;
export const SIGMOID = 3;
export const TANH = 4;
/** Elements whose exponentials are taken at once. */
export const ACTIVATION_CHUNK = 256;

/** out (rows, cols) by outStride, keep, a by aStride, alpha f32, b by bStride or 0, beta f32, rows, cols, outStride, aStride, bStride: out = alpha a + beta b */
export const COMBINE = 76;
/** out (count), keep, a (count), b (count), count: out = a * b */
export const MULTIPLY = 77;

/**
 * dlogits (rows, dim), keep, losses (rows), logits (rows, dim), labels (rows) i32, weights (rows) or 0 for ones, scale f32, rows, dim, scratch (one row, up to a
 * multiple of four numbers).
 * A row's loss and its gradient are multiplied by its weight and by scale. dlogits may be logits itself.
 */
export const CROSS_ENTROPY = 78;
/** as CROSS_ENTROPY with teacher logits (rows, dim) in place of labels, and then kind, beta f32; scratch is two rows */
export const DIVERGENCE = 79;
/** Kinds of divergences of the student's distribution q from the teacher's p. */
export const FORWARD_KL = 0;
export const REVERSE_KL = 1;
export const JENSEN_SHANNON = 2;
export const TOTAL_VARIATION = 3;
/** dx (rows, dim), keep, losses (rows), x (rows, dim), y (rows, dim), weights (rows) or 0, scale f32, rows, dim, beta f32: the mean over dim */
export const SMOOTH_L1 = 80;

/** partial sums f64, x (count), count: sum of the squares of each chunk of SQUARES_CHUNK */
export const SQUARES = 81;
export const SQUARES_CHUNK = 4096;
/**
 * weight (count), mean, square, gradient (the same, zeros afterwards), count, and f32: gradientScale, decay, beta1, 1 - beta1, beta2, 1 - beta2, step, correction,
 * epsilon: see assembly/gradient/adamw.ts
 */
export const ADAMW = 82;

/** out (count), count: zeros */
export const ZERO = 83;

/** Blocks of a product, which one thread packs at once, and the bytes that they and the last tile take. */
export const BLOCK_ROWS = 64;
export const BLOCK_COLS = 256;
export const BLOCK_INNER = 256;
export const PRODUCT_SCRATCH = 327_808; // (64 + 256) * 256 * 4 + 4 * 8 * 4
