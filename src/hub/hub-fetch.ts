/**
 * Requests to a hub: its token goes to the hub alone, and what the hub says of a file is noted on the way to where the file lies.
 *
 *   hub   /owner/name/resolve/revision/file   x-repo-commit: the commit that the revision is; etag of a small file
 *    └─►  302 to another origin                x-linked-etag: SHA-256 of a large file
 *          └─►  the bytes
 *
 * Source: the answers of huggingface.co, as the Hub's documentation and huggingface_hub's file_download.py describe them.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import type { UrlOptions } from '../runtime/web.ts';
import type { Hub } from './options.ts';

/** What a hub said of the file that was asked for last. */
export interface Said {
  /** The commit that the revision is. */
  commit?: string;
  /** Tells the file's content from any other. */
  etag?: string;
  /** The hub gave no answer of its own: it cannot be reached, or is out of order. */
  away?: boolean;
  /** The repository has no such file. */
  absent?: boolean;
}

const MOST_REDIRECTS = 10;
const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * A `fetch` for files of one repository.
 * @param repository its name, for messages
 * @param said filled anew by every request
 * @returns what rejects as `fetch` does, and with {ForetokenError} `hub.missing`, `hub.access`
 */
export function hubFetch(hub: Hub, repository: string, said: Said): NonNullable<UrlOptions['fetch']> {
  return async (address, init) => {
    said.away = true;
    delete said.etag;
    const response = await follow(hub, address, init, said);
    said.away = response.status >= 500 || response.status === 429;
    said.absent = response.status === 404 && response.headers.get('x-error-code') === 'EntryNotFound';
    checkAccess(response, repository, hub.token !== undefined);
    return response;
  };
}

/** Follows redirects itself, since not every host keeps a token from other origins. */
async function follow(hub: Hub, address: string, init: RequestInit, said: Said): Promise<Response> {
  let url = new URL(address);
  let own = true;
  for (let hop = 0; hop < MOST_REDIRECTS; hop++) {
    own &&= url.origin === hub.url.origin;
    const headers = {
      ...init.headers,
      ...(own && hub.token !== undefined && { authorization: `Bearer ${hub.token}` }),
    };
    let response = await fetch(url, { ...init, headers, redirect: 'manual' });
    // A page is not shown redirects. Its own fetch keeps the token from other origins: the Fetch standard, since 2022.
    if (response.type === 'opaqueredirect') response = await fetch(url, { ...init, headers });
    note(said, response.headers);
    const location = response.headers.get('location');
    if (!REDIRECTS.includes(response.status) || location === null) return response;
    response.body?.cancel().catch(() => {});
    url = new URL(location, url);
    if (url.protocol !== hub.url.protocol && url.protocol !== 'https:') break;
  }
  throw new ForetokenError('source.read', 'the hub refers to itself without end, or to an address that is not secure');
}

/** The first to say something is right: after it come the servers that the hub refers to. */
function note(said: Said, headers: Headers): void {
  const commit = headers.get('x-repo-commit');
  if (commit !== null && /^[0-9a-f]{40}$/.test(commit)) said.commit ??= commit;
  const etag = headers.get('x-linked-etag') ?? headers.get('etag');
  const content = /^(?:W\/)?"?([^"]+)"?$/.exec(etag ?? '')?.[1];
  if (content !== undefined) said.etag ??= content;
}

/** @throws {ForetokenError} `hub.missing`, `hub.access` */
function checkAccess({ status, headers, body }: Response, repository: string, hasToken: boolean): void {
  const reason = headers.get('x-error-code') ?? '';
  const refused = status === 401 || status === 403;
  const missing = reason === 'RepoNotFound' || reason === 'RevisionNotFound';
  if (!refused && !(status === 404 && missing)) return;
  body?.cancel().catch(() => {});
  if (missing) {
    const what = reason === 'RepoNotFound' ? 'repository' : 'revision';
    const hint = refused && !hasToken ? ', or it is private and needs a token' : '';
    throw new ForetokenError('hub.missing', `${quote(repository)}: the hub has no such ${what}${hint}`);
  }
  const why =
    reason === 'GatedRepo'
      ? 'its licence must be accepted on its page, and a token given'
      : hasToken
        ? 'the token does not open it'
        : 'it needs a token';
  throw new ForetokenError('hub.access', `${quote(repository)}: the hub answered ${status}: ${why}`);
}
