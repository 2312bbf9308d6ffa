/**
 * A model loaded by its id from a hub on this machine, several times over. Runs on every runtime that keeps downloads; what it asks of the hub
 * meanwhile, the hub's own list tells.
 * @module
 */
import { type HubOptions, load, type LoadOptions } from 'foretoken';

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
export const PHASES = ['first', 'again', 'commit', 'abort'] as const;

export const HUB_PROMPT: readonly number[] = [1, 2, 3];
export const HUB_OPTIONS: LoadOptions = { context: 64 };
export const HUB_TOKENS = 8;

/** @param emptyCache for the loading that is aborted, which is to ask for everything */
export async function loadFromHub(
  ids: HubIds,
  hub: HubOptions,
  emptyCache: NonNullable<HubOptions['cache']>,
): Promise<HubOutcome> {
  const phase = (name: (typeof PHASES)[number]) => fetch(`${hub.url}/phase/${name}`).then((answer) => answer.text());
  const tokens = async (id: string, options: LoadOptions = {}) => {
    const model = await load(id, { ...HUB_OPTIONS, hub, ...options });
    const generation = model.generate(HUB_PROMPT, { maxTokens: HUB_TOKENS });
    await generation.text();
    model.dispose();
    return [...generation.tokens];
  };
  let progress: HubOutcome['progress'] = { calls: 0, loadedBytes: 0, totalBytes: 0 };
  await phase('first');
  const first = await tokens(ids.branch, { onProgress: (now) => (progress = { calls: progress.calls + 1, ...now }) });
  await phase('again');
  const again = await tokens(ids.branch);
  await phase('commit');
  const byCommit = await tokens(ids.commit);

  await phase('abort');
  const controller = new AbortController();
  const reason = new Error('enough');
  const aborted = await tokens(ids.branch, {
    hub: { ...hub, cache: emptyCache },
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  }).then(
    () => false,
    (error: unknown) => error === reason,
  );
  return { first, again, byCommit, progress, aborted };
}

/** Posts what came of it to the test server, as `result/NAME`. */
export async function loadAndPost(name: string, base: string, loading: Promise<HubOutcome>): Promise<void> {
  const report = await loading.catch((error: unknown) => ({ error: `${(error as Error)?.stack ?? error}` }));
  await fetch(`${base}result/${name}`, { method: 'POST', body: JSON.stringify(report) });
}
