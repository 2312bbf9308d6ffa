/**
 * Hidden states that are kept, so that the target computes them once for several epochs, or for several heads.
 * @module
 */
import { bytesOf } from '../../convert/parts.ts';
import { aligned } from '../../formats/byte-source.ts';
import type { FrozenTarget } from './frozen-target.ts';
import type { LearntText } from './head-batch.ts';

/** Bytes by name; a `Map` is one. What was changed or is not there any more is computed again. */
export interface StateCache {
  get(name: string): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  set(name: string, bytes: Uint8Array): unknown;
}

/** SHA-256 of bytes, hexadecimal. */
export async function sha256(...parts: readonly ArrayBufferView[]): Promise<string> {
  const bytes = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(bytesOf(part), at);
    at += part.byteLength;
  }
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The target's hidden states of texts, from a cache where they are there. */
export class CachedStates {
  readonly #target: FrozenTarget;
  readonly #cache: StateCache | undefined;
  readonly #fingerprint: Uint8Array;

  /** @param fingerprint of the target: what it computes for some text */
  constructor(target: FrozenTarget, fingerprint: string, cache: StateCache | undefined) {
    this.#target = target;
    this.#cache = cache;
    this.#fingerprint = new TextEncoder().encode(fingerprint);
  }

  /** @throws as `FrozenTarget.states` */
  async of(tokens: Int32Array, signal?: AbortSignal): Promise<LearntText> {
    if (!this.#cache) return { tokens, hidden: (await this.#target.states(tokens, false, signal)).hidden };
    const name = await sha256(this.#fingerprint, tokens);
    const kept = await this.#cache.get(name);
    if (kept?.length === tokens.length * this.#target.config.hidden * 4) return { tokens, hidden: floatsOf(kept) };
    const { hidden } = await this.#target.states(tokens, false, signal);
    await this.#cache.set(name, bytesOf(hidden));
    return { tokens, hidden };
  }
}

function floatsOf(bytes: Uint8Array): Float32Array {
  const { buffer, byteOffset } = aligned(bytes, 4);
  return new Float32Array(buffer, byteOffset, bytes.length / 4);
}
