/**
 * Ids of models on the Hugging Face Hub: `hf:owner/name`, `hf:owner/name@revision`, `hf:owner/name/file.gguf@revision`.
 * @module
 */
import { ForetokenError, quote } from '../errors.ts';
import { checkName } from '../formats/folder.ts';

/** Where a model lies on a hub. */
export interface HubId {
  readonly owner: string;
  readonly name: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** A folder or a GGUF file of the repository; empty for all of it. */
  readonly path: string;
}

const ID = /^hf:([\w.-]+)\/([\w.-]+)((?:\/[^@]+)?)(?:@(.+))?$/;

/**
 * @throws {ForetokenError} `hub.id` when it is no such id; `source.name` when its path could lead out of the repository
 * @example parseHubId('hf:owner/name@v1') // { owner: 'owner', name: 'name', revision: 'v1', path: '' }
 */
export function parseHubId(text: string): HubId {
  const [, owner = '', name = '', path = '', revision = 'main'] = ID.exec(text) ?? [];
  const isName = (part: string) => part !== '' && !/^[.-]|[.-]$|\.\./.test(part);
  // A revision may be `refs/pr/1`: its parts are as those of a name.
  const isRevision = revision.split('/').every((part) => /^[\w.+-]+$/.test(part) && !/^\.+$/.test(part));
  if (!isName(owner) || !isName(name) || !isRevision) {
    throw new ForetokenError('hub.id', `expected hf:owner/name or hf:owner/name@revision, got ${quote(text)}`);
  }
  return { owner, name, revision, path: path && checkName(path.slice(1)) };
}
