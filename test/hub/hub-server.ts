/**
 * A hub on this machine: repositories as huggingface.co answers for them, small files by itself, large ones by referring to another origin.
 * @module
 */
import { createHash } from 'node:crypto';
import { type Answer, rangedAnswer, rangeOf, type Server, serve } from '../formats/http-server.ts';

/** A repository: what its branch `main` is, and the files of each commit. */
export interface TestRepository {
  main: string;
  readonly commits: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>>;
}

export interface TestHub {
  readonly url: string;
  readonly repository: TestRepository;
  /** What was asked for: `hub` or `store`, the path after the repository, the range's start, and the token that came along. */
  readonly asked: {
    readonly at: 'hub' | 'store';
    readonly path: string;
    readonly from: number;
    readonly token: string;
  }[];
  /** Answers instead of the hub where it returns true. */
  hub: ((...exchange: Parameters<Answer>) => boolean) | undefined;
  /** Likewise instead of the store, which is what the hub refers to. */
  store: ((...exchange: Parameters<Answer>) => boolean) | undefined;
  close(): Promise<void>;
}

/** What pages of other origins may send and see, as huggingface.co allows it. */
const FOR_PAGES = {
  'access-control-allow-origin': '*',
  'access-control-allow-headers': 'authorization, range',
  'access-control-expose-headers': 'etag, x-repo-commit, x-linked-etag, x-error-code, accept-ranges, content-range',
};

/** Lets pages ask. @returns whether that was all they asked */
function admit({ request, response }: Parameters<Answer>[0]): boolean {
  for (const [name, value] of Object.entries(FOR_PAGES)) response.setHeader(name, value);
  if (request.method !== 'OPTIONS') return false;
  response.writeHead(204).end();
  return true;
}

export const COMMIT = 'a'.repeat(40);
export const LATER = 'b'.repeat(40);
/** Files up to this size the hub sends by itself, unless told otherwise. */
const SMALL = 50_000;

export const etagOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The repository `owner/name`. */
export async function serveHub(commits: TestRepository['commits'], small = SMALL): Promise<TestHub> {
  const repository: TestRepository = { main: COMMIT, commits };
  const asked: TestHub['asked'] = [];
  const note = (at: 'hub' | 'store', path: string, { request, range }: Parameters<Answer>[0]) =>
    asked.push({ at, path, from: range?.first ?? -1, token: request.headers.authorization ?? '' });
  const find = (revision: string, path: string) =>
    repository.commits[revision === 'main' ? repository.main : revision]?.[path];

  const store: Server = await serve(new Uint8Array(1), (exchange) => {
    if (admit(exchange)) return;
    const { request, response } = exchange;
    const [, commit, path] = /^\/([^/]+)\/(.+)$/.exec(request.url!)!;
    note('store', path!, exchange);
    if (hub.store?.(exchange)) return;
    const bytes = find(commit!, decodeURIComponent(path!))!;
    response.setHeader('etag', `"store-${etagOf(bytes)}"`);
    rangedAnswer({ ...exchange, bytes, range: rangeOf(request, bytes) });
  });
  const front: Server = await serve(new Uint8Array(1), (exchange) => {
    if (admit(exchange)) return;
    const { request, response } = exchange;
    const [, id, revision, path] = /^\/(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(request.url!) ?? [];
    note('hub', decodeURIComponent(path ?? request.url!), exchange);
    if (hub.hub?.(exchange)) return;
    const refuse = (status: number, code: string) => response.writeHead(status, { 'x-error-code': code }).end('no');
    if (id !== 'owner/name') return void refuse(401, 'RepoNotFound');
    const commit = revision === 'main' ? repository.main : decodeURIComponent(revision!);
    if (!repository.commits[commit]) return void refuse(404, 'RevisionNotFound');
    response.setHeader('x-repo-commit', commit);
    const bytes = find(commit, decodeURIComponent(path!));
    if (!bytes) return void refuse(404, 'EntryNotFound');
    if (bytes.length > small) {
      const location = `${new URL(store.url).origin}/${commit}/${path}`;
      response.writeHead(302, { location, 'x-linked-etag': `"${etagOf(bytes)}"` }).end('elsewhere');
      return;
    }
    response.setHeader('etag', `W/"${etagOf(bytes)}"`);
    rangedAnswer({ ...exchange, bytes, range: rangeOf(request, bytes) });
  });
  const hub: TestHub = {
    url: new URL(front.url).origin,
    repository,
    asked,
    hub: undefined,
    store: undefined,
    close: async () => void (await Promise.all([front.close(), store.close()])),
  };
  return hub;
}
