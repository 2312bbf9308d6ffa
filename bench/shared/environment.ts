/**
 * Where a measurement was made.
 * @module
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import process from 'node:process';
import { kernelsHash } from '../../src/engine/kernels-binary.ts';

export interface Environment {
  readonly date: string;
  readonly runtime: string;
  readonly processor: string;
  /** Short hash, with a + when files differ from it. */
  readonly commit: string;
  /** First digits of the SHA-256 of the kernels. */
  readonly kernels: string;
}

export function environment(): Environment {
  const processors = cpus();
  return {
    date: new Date().toISOString().slice(0, 10),
    runtime: runtimeName(),
    processor: `${processors[0]?.model.trim() ?? process.arch}, ${processors.length} cores`,
    commit: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '-uno') === '' ? '' : '+'),
    kernels: kernelsHash.slice(0, 12),
  };
}

/** Deno and Bun also say that they are some Node. */
function runtimeName(): string {
  const { bun, deno, node } = process.versions;
  return bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${node}`;
}

function git(...parameters: string[]): string {
  const { status, stdout } = spawnSync('git', parameters, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : 'unknown';
}
