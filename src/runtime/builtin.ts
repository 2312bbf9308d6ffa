/**
 * Built-in modules of Node, Deno and Bun. They are asked of the process, never imported, so that bundlers for other hosts find nothing to
 * resolve.
 * @module
 */

interface Host {
  readonly process?: { getBuiltinModule?(name: string): unknown };
}

/** @param name such as `node:fs/promises`; undefined on hosts without it */
export function builtin<Module>(name: string): Module | undefined {
  return (globalThis as Host).process?.getBuiltinModule?.(name) as Module | undefined;
}

/** Whether paths can be read here, by node.ts. */
export function hasFiles(): boolean {
  return builtin('node:fs/promises') !== undefined;
}
