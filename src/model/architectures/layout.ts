/**
 * Checkpoint layout: which tensor of a checkpoint plays which part in the transformer.
 * @module
 */

/** A tensor that a checkpoint must hold. */
export interface TensorName {
  readonly name: string;
  /** Rows (outputs) first, as stored. */
  readonly shape: readonly number[];
}

export interface LayerLayout {
  readonly attentionNorm: TensorName;
  readonly query: TensorName;
  readonly key: TensorName;
  readonly value: TensorName;
  readonly output: TensorName;
  readonly feedForwardNorm: TensorName;
  readonly gate: TensorName;
  readonly up: TensorName;
  readonly down: TensorName;
}

export interface CheckpointLayout {
  readonly embedding: TensorName;
  readonly layers: readonly LayerLayout[];
  readonly finalNorm: TensorName;
  /** Undefined when the output layer is the embedding (tied). */
  readonly head: TensorName | undefined;
}
