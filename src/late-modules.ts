/**
 * What hub/, which is imported late, takes from the rest of the package.
 *
 * It is handed this and does not import it: a bundler makes a file of its own of whatever the code that a page fetches first shares with code that it fetches
 * later, and small files compress worse than one. That would be a kilobyte of the 60 promised.
 * @module
 */
import { checkNames, outOfRange, wrongType } from './check-options.ts';
import { ForetokenError, quote } from './errors.ts';
import { changed, checkRead, readTarget } from './formats/byte-source.ts';
import { checkName } from './formats/folder.ts';
import { builtin, hasFiles } from './runtime/builtin.ts';
import { openUrl } from './runtime/web.ts';

export const HUB_PARTS = {
  ...{ ForetokenError, quote, checkNames, outOfRange, wrongType },
  ...{ changed, checkRead, readTarget, checkName, builtin, hasFiles, openUrl },
};
export type HubParts = typeof HUB_PARTS;
