/** Counts what arrays are asked for by their length, so that a file that lies about one is seen to cost nothing. @module */

const ARRAYS = ['ArrayBuffer', 'Uint8Array', 'Int32Array', 'Float32Array', 'Float64Array'] as const;

/** Bytes that constructors of arrays have been asked for by their length since `reset`. */
export interface AllocationCount {
  readonly bytes: () => number;
  readonly reset: () => void;
}

/** Counts while `action` runs. */
export async function countingAllocations<T>(action: (count: AllocationCount) => Promise<T>): Promise<T> {
  const globals = globalThis as Record<string, unknown>;
  const kept = ARRAYS.map((name) => [name, globals[name] as typeof Uint8Array] as const);
  let bytes = 0;
  for (const [name, array] of kept) {
    globals[name] = new Proxy(array, {
      construct(target, parameters) {
        if (typeof parameters[0] === 'number') bytes += parameters[0] * (target.BYTES_PER_ELEMENT ?? 1);
        return Reflect.construct(target, parameters);
      },
    });
  }
  try {
    return await action({ bytes: () => bytes, reset: () => (bytes = 0) });
  } finally {
    for (const [name, array] of kept) globals[name] = array;
  }
}

/** The bytes that `action` alone asks for. */
export function allocated(action: () => Promise<unknown>): Promise<number> {
  return countingAllocations(async (count) => {
    await action();
    return count.bytes();
  });
}
