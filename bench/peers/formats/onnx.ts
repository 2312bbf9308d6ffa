/**
 * Writes a checkpoint as ONNX: a Llama decoder whose cache goes in and comes out, in the operators that onnxruntime's own model builder uses
 * (grouped-query attention with rotary positions in one node, query, key and value projections in one matrix).
 *
 *   inputs   input_ids (1, S), past_key_i and past_value_i (1, kvHeads, P, headDim), seqlens_k (1,) = P + S - 1, total_length () = P + S,
 *            first_row (1,): logits are computed for tokens first_row..S-1
 *   outputs  logits (1, S - first_row, vocab), present_key_i and present_value_i (1, kvHeads, P + S, headDim)
 *
 * f32: MatMul. int8: DynamicQuantizeLinear and MatMulInteger, one scale for each output column, 7 bits, as transformers.js converts. q4:
 * MatMulNBits with the very blocks of GGUF's Q4_0. The embedding's rows are looked up in f32 in all three.
 * @module
 */
import { decodeF16 } from '../../../src/formats/float16.ts';
import { type Matrix, NORM_EPSILON, ROPE_BASE, type Weights } from './checkpoint.ts';
import { bytes, type Field, float, int, join, message, text } from './protobuf.ts';
import { Q4_BLOCK, quantizeQ4 } from '../../../src/formats/q4.ts';

export type OnnxType = 'f32' | 'int8' | 'q4';

/** ONNX's numbers of element types. */
const ELEMENT = { f32: 1, u8: 2, i8: 3, i32: 6, i64: 7 } as const;
type Element = keyof typeof ELEMENT;
/** Version of the file format; of the standard operators; of onnxruntime's own. */
const IR_VERSION = 9;
const OPSET = 17;
const CONTRIB = 'com.microsoft';
/** Positions for which rotations are tabulated. */
const POSITIONS = 2048;
/** Of -64..64: with all 8 bits, AVX2's 16-bit sums of two products can saturate. */
const INT8_LARGEST = 64;
/** Activations are quantised to 8 bits, the fastest that onnxruntime has. */
const Q4_ACCURACY_LEVEL = 4;

/** The file in pieces. */
export function onnxPieces(weights: Weights, type: OnnxType): readonly Uint8Array[] {
  return join([
    int(1, IR_VERSION),
    text(2, 'foretoken bench/peers'),
    message(7, new Graph(weights, type).encode()),
    message(8, text(1, ''), int(2, OPSET)),
    message(8, text(1, CONTRIB), int(2, 1)),
  ]).pieces;
}

class Graph {
  readonly #weights: Weights;
  readonly #type: OnnxType;
  readonly #nodes: Field[] = [];
  readonly #initializers: Field[] = [];
  readonly #inputs: Field[] = [];
  readonly #outputs: Field[] = [];
  #count = 0;

  constructor(weights: Weights, type: OnnxType) {
    this.#weights = weights;
    this.#type = type;
  }

  encode(): Field {
    const { shape, embedding, layers, finalNorm } = this.#weights;
    this.#inputs.push(
      valueInfo('input_ids', 'i64', [1, 'S']),
      valueInfo('seqlens_k', 'i32', [1]),
      valueInfo('total_length', 'i32', []),
      valueInfo('first_row', 'i64', [1]),
    );
    this.#rotations();
    let stream = this.#node('Gather', [this.#tensor('embedding', embedding), 'input_ids']);
    let update: string | undefined;
    const norm = (weight: Float32Array): string => {
      const { sum, normed } = this.#addAndNorm(stream, update, weight);
      stream = sum;
      return normed;
    };
    for (const [index, layer] of layers.entries()) {
      const queryKeyValue = this.#product(norm(layer.attentionNorm), stacked(layer.query, layer.key, layer.value));
      update = this.#product(this.#attention(queryKeyValue, index), layer.output);
      const normed = norm(layer.feedForwardNorm);
      const gate = this.#product(normed, layer.gate);
      const gated = this.#node('Mul', [gate, this.#node('Sigmoid', [gate])]);
      update = this.#product(this.#node('Mul', [gated, this.#product(normed, layer.up)]), layer.down);
    }
    const rows = this.#node('Slice', [
      norm(finalNorm),
      'first_row',
      this.#vector('all', BigInt64Array.of(2n ** 31n - 1n), 'i64'),
      this.#vector('axis', BigInt64Array.of(1n), 'i64'),
    ]);
    this.#product(rows, embedding, 'logits');
    this.#outputs.unshift(valueInfo('logits', 'f32', [1, 'R', shape.vocab]));
    return join([
      ...this.#nodes.map((node) => message(1, node)),
      text(2, 'llama'),
      ...this.#initializers.map((initializer) => message(5, initializer)),
      ...this.#inputs.map((input) => message(11, input)),
      ...this.#outputs.map((output) => message(12, output)),
    ]);
  }

  /** The residual stream with the last half-layer's update, and its norm. */
  #addAndNorm(stream: string, update: string | undefined, weight: Float32Array): { sum: string; normed: string } {
    const gamma = this.#vector(this.#name('norm'), weight, 'f32');
    if (update === undefined) {
      const attributes = [attribute('epsilon', NORM_EPSILON), attribute('axis', -1n)];
      return { sum: stream, normed: this.#node('SimplifiedLayerNormalization', [stream, gamma], { attributes }) };
    }
    const [normed, sum] = [this.#name('normed'), this.#name('sum')];
    this.#node('SkipSimplifiedLayerNormalization', [stream, update, gamma], {
      domain: CONTRIB,
      outputs: [normed, '', '', sum],
      attributes: [attribute('epsilon', NORM_EPSILON)],
    });
    return { sum, normed };
  }

  #attention(queryKeyValue: string, layer: number): string {
    const { queryHeads, kvHeads, headDim } = this.#weights.shape;
    const out = this.#name('attended');
    const ends = ['key', 'value'];
    this.#inputs.push(...ends.map((end) => valueInfo(`past_${end}_${layer}`, 'f32', [1, kvHeads, 'P', headDim])));
    this.#outputs.push(...ends.map((end) => valueInfo(`present_${end}_${layer}`, 'f32', [1, kvHeads, 'T', headDim])));
    const past = ends.map((end) => `past_${end}_${layer}`);
    this.#node('GroupQueryAttention', [queryKeyValue, '', '', ...past, 'seqlens_k', 'total_length', 'cos', 'sin'], {
      domain: CONTRIB,
      outputs: [out, ...ends.map((end) => `present_${end}_${layer}`)],
      attributes: [
        attribute('num_heads', BigInt(queryHeads)),
        attribute('kv_num_heads', BigInt(kvHeads)),
        attribute('do_rotary', 1n),
        attribute('rotary_interleaved', 0n),
      ],
    });
    return out;
  }

  /** (POSITIONS, headDim / 2) cosines and sines. */
  #rotations(): void {
    const { headDim } = this.#weights.shape;
    const half = headDim / 2;
    const angle = (i: number) => Math.floor(i / half) * ROPE_BASE ** ((-2 * (i % half)) / headDim);
    const table = (of: (angle: number) => number) =>
      Float32Array.from({ length: POSITIONS * half }, (_, i) => of(angle(i)));
    this.#vector('cos', table(Math.cos), 'f32', [POSITIONS, half]);
    this.#vector('sin', table(Math.sin), 'f32', [POSITIONS, half]);
  }

  /** input x Wᵀ. */
  #product(input: string, weight: Matrix, output = this.#name('product')): string {
    if (this.#type === 'q4') return this.#productQ4(input, weight, output);
    if (this.#type === 'int8') return this.#productInt8(input, weight, output);
    const { rows, cols } = weight;
    const name = this.#vector(this.#name('weight'), transposed(weight), 'f32', [cols, rows]);
    return this.#node('MatMul', [input, name], { outputs: [output] });
  }

  #productInt8(input: string, weight: Matrix, output: string): string {
    const { rows, cols } = weight;
    const { q, scale } = quantizeRows(weight);
    const columns = new Int8Array(q.length);
    for (let row = 0; row < rows; row++)
      for (let col = 0; col < cols; col++) columns[col * rows + row] = q[row * cols + col]!;
    const [quantized, inputScale, zero] = [this.#name('quantized'), this.#name('scale'), this.#name('zero')];
    this.#node('DynamicQuantizeLinear', [input], { outputs: [quantized, inputScale, zero] });
    const sums = this.#node('MatMulInteger', [
      quantized,
      this.#vector(this.#name('weight'), columns, 'i8', [cols, rows]),
      zero,
      this.#vector(this.#name('zeros'), new Int8Array(rows), 'i8', [rows]),
    ]);
    const cast = this.#node('Cast', [sums], { attributes: [attribute('to', BigInt(ELEMENT.f32))] });
    const both = this.#node('Mul', [inputScale, this.#vector(this.#name('scales'), scale, 'f32')]);
    return this.#node('Mul', [cast, both], { outputs: [output] });
  }

  #productQ4(input: string, { rows, cols, values }: Matrix, output: string): string {
    const { q, scale } = quantizeQ4(values);
    const scales = new Float32Array(scale.length);
    decodeF16(scale, scales);
    const blocks = cols / Q4_BLOCK;
    const weight = this.#vector(this.#name('weight'), neighboursTogether(q), 'u8', [rows, blocks, Q4_BLOCK / 2]);
    return this.#node('MatMulNBits', [input, weight, this.#vector(this.#name('scales'), scales, 'f32')], {
      domain: CONTRIB,
      outputs: [output],
      attributes: [
        attribute('K', BigInt(cols)),
        attribute('N', BigInt(rows)),
        attribute('bits', 4n),
        attribute('block_size', BigInt(Q4_BLOCK)),
        attribute('accuracy_level', BigInt(Q4_ACCURACY_LEVEL)),
      ],
    });
  }

  #tensor(name: string, { rows, cols, values }: Matrix): string {
    return this.#vector(name, values, 'f32', [rows, cols]);
  }

  /** An initializer. @returns its name */
  #vector(name: string, data: ArrayBufferView & { length: number }, element: Element, shape = [data.length]): string {
    const dimensions = shape.map((size) => int(1, size));
    this.#initializers.push(join([...dimensions, int(2, ELEMENT[element]), text(8, name), bytes(9, data)]));
    return name;
  }

  /** @returns its first output */
  #node(
    type: string,
    inputs: readonly string[],
    options: { domain?: string; outputs?: readonly string[]; attributes?: readonly Field[] } = {},
  ): string {
    const { domain = '', outputs = [this.#name(type)], attributes = [] } = options;
    this.#nodes.push(
      join([
        ...inputs.map((input) => text(1, input)),
        ...outputs.map((output) => text(2, output)),
        text(3, this.#name(`${type}_node`)),
        text(4, type),
        ...attributes,
        text(7, domain),
      ]),
    );
    return outputs[0]!;
  }

  #name(base: string): string {
    return `${base}_${this.#count++}`;
  }
}

/** @param value a bigint is an integer, a number a float */
function attribute(name: string, value: number | bigint): Field {
  const INT = 2;
  const FLOAT = 1;
  const content = typeof value === 'bigint' ? [int(3, value), int(20, INT)] : [float(2, value), int(20, FLOAT)];
  return message(5, text(1, name), ...content);
}

/** @param shape a text is a size that changes from run to run */
function valueInfo(name: string, element: Element, shape: readonly (number | string)[]): Field {
  const dimensions = shape.map((size) => message(1, typeof size === 'string' ? text(2, size) : int(1, size)));
  return join([text(1, name), message(2, message(1, int(1, ELEMENT[element]), message(2, ...dimensions)))]);
}

/** One below the other. */
function stacked(...parts: readonly Matrix[]): Matrix {
  const { cols } = parts[0]!;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const values = new Float32Array(rows * cols);
  let at = 0;
  for (const part of parts) {
    values.set(part.values, at);
    at += part.values.length;
  }
  return { rows, cols, values };
}

function transposed({ rows, cols, values }: Matrix): Float32Array {
  const result = new Float32Array(values.length);
  for (let row = 0; row < rows; row++)
    for (let col = 0; col < cols; col++) result[col * rows + row] = values[row * cols + col]!;
  return result;
}

/** Blocks of 16 bytes whose byte j holds values j and j + 16, to blocks whose byte j holds values 2j and 2j + 1. */
function neighboursTogether(q: Uint8Array): Uint8Array {
  const half = Q4_BLOCK / 2;
  const value = (i: number) => {
    const byte = q[Math.floor(i / Q4_BLOCK) * half + (i % half)]!;
    return i % Q4_BLOCK < half ? byte & 15 : byte >> 4;
  };
  return Uint8Array.from(q, (_, j) => value(2 * j) | (value(2 * j + 1) << 4));
}

/** One scale for each row, -64..64. */
function quantizeRows({ rows, cols, values }: Matrix): { q: Int8Array; scale: Float32Array } {
  const q = new Int8Array(values.length);
  const scale = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const of = values.subarray(row * cols, (row + 1) * cols);
    const largest = of.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    scale[row] = largest / INT8_LARGEST;
    for (let col = 0; col < cols; col++) q[row * cols + col] = Math.round(of[col]! / (scale[row]! || 1));
  }
  return { q, scale };
}
