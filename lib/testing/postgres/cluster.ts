import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { giveTo } from './account.js';
import type { Binaries } from './binaries.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { run, type Surroundings } from './run.js';

/** The superuser of every private server. */
export const SUPERUSER = 'postgres';
const PASSWORD_FILE = 'superuser-password';

/** Uses the cluster in `dataDirectory` or makes one there. Gives the superuser's password. */
export async function openCluster(
  dataDirectory: string,
  binaries: Binaries,
  surroundings: Surroundings,
  durable: boolean,
): Promise<string> {
  const made = await readFile(path.join(dataDirectory, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (made === undefined) await initialise(dataDirectory, binaries, surroundings, durable);
  else await adopt(dataDirectory, made.trim(), binaries, surroundings);
  return readFile(path.join(dataDirectory, PASSWORD_FILE), 'utf8');
}

/** Made beside its place and renamed, so that a half made cluster is never taken for one. */
async function initialise(
  dataDirectory: string,
  binaries: Binaries,
  surroundings: Surroundings,
  durable: boolean,
) {
  const fresh = `${dataDirectory}.${process.pid}.new`;
  const passwordFile = path.join(surroundings.cwd, PASSWORD_FILE);
  await mkdir(fresh, { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, randomBytes(18).toString('base64url'), { mode: 0o600 });
  await giveTo(surroundings.account, fresh);
  await giveTo(surroundings.account, passwordFile);
  const how = ['--encoding=UTF8', '--no-locale', ...(durable ? [] : ['--no-sync'])];
  const who = [`--username=${SUPERUSER}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  try {
    await run(path.join(binaries.directory, 'initdb'), ['-D', fresh, ...who, ...how], surroundings);
    await rename(passwordFile, path.join(fresh, PASSWORD_FILE));
    await rename(fresh, dataDirectory);
  } catch (cause) {
    await rm(fresh, { recursive: true, force: true });
    throw new EmbeddedPostgresError(
      `No PostgreSQL cluster can be made in ${dataDirectory}: ${String(cause)}. The directory must be new or empty` +
        (surroundings.account
          ? `, and ${surroundings.account.name} must be able to enter those above it.`
          : '.'),
      { cause },
    );
  }
}

async function adopt(dataDirectory: string, made: string, binaries: Binaries, surroundings: Surroundings) {
  if (made !== binaries.version.split('.')[0]) {
    throw new EmbeddedPostgresError(
      `The cluster in ${dataDirectory} was made by PostgreSQL ${made}; the programs in ${binaries.directory} are of ` +
        `version ${binaries.version} and cannot open it. Remove the directory, or use PostgreSQL ${made}.`,
    );
  }
  if (!existsSync(path.join(dataDirectory, PASSWORD_FILE))) {
    throw new EmbeddedPostgresError(
      `The cluster in ${dataDirectory} was not made by this launcher. Name a new or empty directory.`,
    );
  }
  await giveTo(surroundings.account, dataDirectory);
}
