/**
 * Order: when each operation of a graph runs, forward and backward.
 *
 * Forward is the order in which the graph was written. An operation goes backward as soon as all that came of its output has done so, not only after
 * everything has gone forward: of several heads on one trunk, each has its logits, its loss and its gradients before the next begins, so that one
 * head's logits are in memory at a time.
 *
 *   trunk ─► head 1 ─► loss ─► back through head 1 ─► head 2 ─► loss ─► back through head 2 ─► back through the trunk
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import type { Graph, Loss, Operation, Tensor } from './graph.ts';

export type Step =
  | { readonly kind: 'forward' | 'backward'; readonly operation: Operation; readonly output: Tensor }
  | { readonly kind: 'loss'; readonly loss: Loss };

/** @throws {ForetokenError} `train.graph` without a loss, and for a parameter that no loss depends on */
export function orderOf(graph: Graph): Step[] {
  const waiting = consumersOf(graph);
  for (const [name, { tensor }] of graph.parameters) {
    if (tensor.trained && !waiting.has(tensor)) {
      throw new ForetokenError(
        'train.graph',
        `no loss depends on parameter ${quote(name)}: freeze it, or leave it out`,
      );
    }
  }
  const steps: Step[] = [];
  const release = (inputs: readonly Tensor[]) => {
    for (const base of basesOf(inputs)) {
      const left = waiting.get(base)! - 1;
      waiting.set(base, left);
      if (left > 0 || !base.operation) continue;
      steps.push({ kind: 'backward', operation: base.operation, output: base });
      release(base.operation.inputs);
    }
  };
  for (const step of graph.steps) {
    if ('write' in step) {
      steps.push({ kind: 'loss', loss: step });
      release(step.inputs);
    } else {
      steps.push({ kind: 'forward', operation: step.operation!, output: step });
    }
  }
  return steps;
}

/** Of every tensor that a gradient comes to, by its base, how many operations and losses give it a part. */
function consumersOf(graph: Graph): Map<Tensor, number> {
  const consumers = new Map<Tensor, number>();
  const count = (inputs: readonly Tensor[]) => {
    for (const base of basesOf(inputs)) consumers.set(base, (consumers.get(base) ?? 0) + 1);
  };
  const losses = graph.steps.filter((step): step is Loss => 'write' in step);
  if (losses.length === 0) throw new ForetokenError('train.graph', 'there is no loss');
  for (const { inputs } of losses) count(inputs);
  // From the last operation to the first: whatever consumes an output comes later.
  for (const step of [...graph.steps].reverse()) {
    if (!('write' in step) && consumers.has(step)) count(step.operation!.inputs);
  }
  return consumers;
}

/** The tensors, once each, that a gradient comes to. */
function basesOf(inputs: readonly Tensor[]): Set<Tensor> {
  return new Set(inputs.filter(({ trained }) => trained).map(({ base }) => base));
}
