/**
 * Checkpoint layout: which tensor of a checkpoint plays which part in the transformer.
 * @module
 */
import type { Rows, TensorDescription } from '../../formats/tensors.ts';
import type { MatrixRows, RowRun } from '../load-weights.ts';

/** A tensor that a checkpoint must hold. */
export interface TensorName {
  readonly name: string;
  /** As the transformer uses it: rows (outputs) first. */
  readonly shape: readonly number[];
  /** Another name that some checkpoints give it. */
  readonly alias?: string;
  /** Reads a matrix that is stored the other way round, inputs first; default: it is not. */
  readonly read?: (stored: AsyncIterable<Rows<Float32Array>>, tensor: TensorDescription) => AsyncGenerator<MatrixRows>;
  /** Some rows of the tensor as rows of the part, or elements of a vector, which has an `inDim` of 1; default the same. */
  readonly spread?: (rows: RowRun, inDim: number) => Iterable<RowRun>;
  /** Added to every element. */
  readonly plus?: number;
  /** A matrix that is held in f32, whatever the type of the others. */
  readonly exact?: boolean;
}

/** What is undefined a layer does not have, or has in the tensor before: `query` then holds the rows of key and value, too. */
export interface LayerLayout {
  /** A norm with a bias is a LayerNorm, one without an RMSNorm. */
  readonly attentionNorm: TensorName;
  readonly attentionNormBias?: TensorName;
  readonly query: TensorName;
  readonly key?: TensorName;
  readonly value?: TensorName;
  readonly queryBias?: TensorName;
  readonly keyBias?: TensorName;
  readonly valueBias?: TensorName;
  /** RMSNorm of every head, before it is turned. */
  readonly queryNorm?: TensorName;
  readonly keyNorm?: TensorName;
  readonly output: TensorName;
  readonly outputBias?: TensorName;
  /** Norm of what attention adds to the stream. */
  readonly attentionPostNorm?: TensorName;
  readonly feedForwardNorm: TensorName;
  readonly feedForwardNormBias?: TensorName;
  readonly gate?: TensorName;
  readonly gateBias?: TensorName;
  readonly up?: TensorName;
  readonly upBias?: TensorName;
  readonly down: TensorName;
  readonly downBias?: TensorName;
  /** Norm of what the feed-forward layer adds. */
  readonly feedForwardPostNorm?: TensorName;
}

export interface CheckpointLayout {
  readonly embedding: TensorName;
  /** A row for each position, added to the embeddings. */
  readonly positions?: TensorName;
  readonly layers: readonly LayerLayout[];
  readonly finalNorm: TensorName;
  readonly finalNormBias?: TensorName;
  /** Undefined when the output layer is the embedding (tied). */
  readonly head: TensorName | undefined;
}
