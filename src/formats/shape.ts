/**
 * Shapes in messages.
 * @module
 */

/** A shape for a message, cut when it is long. */
export function showShape(shape: readonly number[]): string {
  return shape.length > 8 ? `[${shape.slice(0, 8)},… ${shape.length} sizes]` : `[${shape}]`;
}
