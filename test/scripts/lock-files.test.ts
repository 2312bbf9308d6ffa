/**
 * The lock files fit every machine, whichever machine wrote them last.
 * @module
 */
import { readFileSync } from 'node:fs';
import { assert, repositoryFile, test } from '../harness.ts';

interface Locked {
  readonly resolved?: string;
  /** A folder of this repository. */
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

for (const path of ['package-lock.json', 'test/runtimes/package-lock.json']) {
  const packages: Readonly<Record<string, Locked>> = JSON.parse(readFileSync(repositoryFile(path), 'utf8')).packages;

  test(`${path} names no registry, so that each machine asks its own`, () => {
    const pinned = Object.keys(packages).filter((name) => packages[name]!.resolved && !packages[name]!.link);
    assert.equal(pinned, []);
  });

  // npm drops what the registry at hand lacks, and `npm ci` then refuses the file everywhere.
  test(`${path} holds the optional packages of every platform`, () => {
    const wanted = Object.entries(packages).flatMap(([name, { optionalDependencies }]) =>
      name === '' ? [] : Object.keys(optionalDependencies ?? {}),
    );
    const held = new Set(Object.keys(packages).map((name) => name.slice(name.lastIndexOf('node_modules/') + 13)));
    assert.equal(
      wanted.filter((name) => !held.has(name)),
      [],
    );
  });
}

test.run();
