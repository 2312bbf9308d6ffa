/**
 * What loading from a hub is to come to on every runtime, without the loading itself.
 * @module
 */

/** The repository's id, by its branch and by the commit that the branch is. */
export interface HubIds {
  readonly branch: string;
  readonly commit: string;
}

/** What a runtime came to. */
export interface HubOutcome {
  /** Tokens after a fixed prompt, loaded from an empty cache, again, and by the commit. */
  readonly first: readonly number[];
  readonly again: readonly number[];
  readonly byCommit: readonly number[];
  /** The last of the first loading, and how many there were. */
  readonly progress: { readonly calls: number; readonly loadedBytes: number; readonly totalBytes: number };
  /** Whether a loading that was aborted threw the signal's reason. */
  readonly aborted: boolean;
}

/** Parts of the hub's list begin with a request for `/phase/NAME`. */
export type HubPhase = 'first' | 'again' | 'commit' | 'abort';

export const HUB_PROMPT: readonly number[] = [1, 2, 3];
export const HUB_CONTEXT = 64;
export const HUB_TOKENS = 8;
