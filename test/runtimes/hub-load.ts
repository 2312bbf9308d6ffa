/**
 * A model loaded by its id from a hub on this machine, several times over. Runs on every runtime that keeps downloads; what it asks of the hub
 * meanwhile, the hub's own list tells.
 * @module
 */
import { type HubOptions, load, type LoadOptions } from 'foretoken';
import { HUB_CONTEXT, HUB_PROMPT, HUB_TOKENS, type HubIds, type HubOutcome, type HubPhase } from './hub-outcome.ts';

/** @param emptyCache for the loading that is aborted, which is to ask for everything */
export async function loadFromHub(
  ids: HubIds,
  hub: HubOptions,
  emptyCache: NonNullable<HubOptions['cache']>,
): Promise<HubOutcome> {
  const phase = (name: HubPhase) => fetch(`${hub.url}/phase/${name}`).then((answer) => answer.text());
  const tokens = async (id: string, options: LoadOptions = {}) => {
    const model = await load(id, { context: HUB_CONTEXT, hub, ...options });
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
