/**
 * Types of tools.mjs, and the way to it: it lies beside its node_modules, while tests run from build/.
 * @module
 */
import { pathToFileURL } from 'node:url';
import { repositoryFile } from '../repository.ts';

export interface BundleOptions {
  /** The modules to begin from, and what their bundles are called, without the ending. */
  readonly entries: readonly { readonly in: string; readonly out: string }[];
  readonly outFolder: string;
  /**
   * Folder whose node_modules hold the packed package: `foretoken` and modules of the repository's src are then taken from there;
   * its kernels.wasm is expected beside the bundle.
   * Default: imports are resolved as the importing file asks.
   */
  readonly packedFolder?: string;
  /** false: the package stays outside the bundle. */
  readonly bundled?: boolean;
  readonly conditions?: readonly string[];
  readonly minify?: boolean;
  /** false: one file for each entry. */
  readonly splitting?: boolean;
}

/** The part of a Playwright page that is used. */
export interface Page {
  goto(address: string): Promise<unknown>;
  click(selector: string): Promise<void>;
  /** The value, or the awaited one, of an expression in the page. */
  evaluate(expression: string): Promise<unknown>;
  on(event: 'console', listener: (message: { type(): string; text(): string }) => void): void;
  on(event: 'pageerror', listener: (error: Error) => void): void;
  close(): Promise<void>;
}

export interface Browser {
  version(): string;
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

interface Tools {
  bundleWithEsbuild(options: BundleOptions): Promise<void>;
  buildWithVite(options: { folder: string; outFolder: string }): Promise<void>;
  serveWithVite(options: {
    folder: string;
    headers: Readonly<Record<string, string>>;
  }): Promise<{ address: string; close(): Promise<void> }>;
  /** @throws {Error} on errors and on warnings */
  buildWithWebpack(options: { entry: string; outFolder: string }): Promise<void>;
  launchChromium(executablePath: string): Promise<Browser>;
}

const load = (path: string) => import(pathToFileURL(repositoryFile(path)).href);

export const tools: Tools = await load('test/runtimes/tools.mjs');

/** @throws {Error} when the browser is not installed */
export async function browserPath(name: 'chromium' | 'firefox'): Promise<string> {
  const { findBrowser } = await load('scripts/lib/browsers.mjs');
  const path: string | undefined = findBrowser(name);
  if (path === undefined) throw new Error(`${name} is not installed`);
  return path;
}
