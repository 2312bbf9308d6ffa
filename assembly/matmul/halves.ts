/**
 * What the 16-bit float formats share: how they lie in panels.
 *
 * Bits: see floats.ts; those of matmulF32 with the same weights as f32.
 */
import { PANEL } from '../../src/engine/opcodes';
import { Floats } from './floats';

/** A lane holds an output of quad 0 in its lower half, one of quad 1 in its upper half. */
export abstract class Halves extends Floats {
  @inline
  turnBytes(): usize {
    return <usize>(PANEL * 2);
  }
  @inline
  weightBytes(inDim: i32): usize {
    return <usize>inDim * <usize>(PANEL * 2);
  }
  @inline
  second(w: usize, first: v128): v128 {
    return first;
  }
}
