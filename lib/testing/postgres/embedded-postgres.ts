import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { ServerProcess, type ServerCommand } from '../private-server/server-process.js';
import type { Watchdog } from '../private-server/watchdog.js';
import type { Binaries } from './binaries.js';
import { SUPERUSER } from './cluster.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { spawnOptions, type Surroundings } from './run.js';

/** `fast`: roll back, disconnect, write a checkpoint. `immediate`: end at once, recover at the next start. */
export type StopMode = 'fast' | 'immediate';

const PREDECESSOR_TIMEOUT = 10_000;
const STOP_SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

/** All that a server is made of. */
export interface ServerParts {
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
  readonly #parts: ServerParts;
  readonly #watchdog: Watchdog;
  #server: ServerProcess | undefined;
  #log: readonly string[] = [];
  #killed = false;

  /** Use `startEmbeddedPostgres`. */
  constructor(parts: ServerParts, watchdog: Watchdog) {
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
    if (failure) {
      this.#ended(server);
      throw new EmbeddedPostgresError(`PostgreSQL did not start: ${failure}`);
    }
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

function serverCommand({
  binaries,
  dataDirectory,
  port,
  settings,
  surroundings,
}: ServerParts): ServerCommand {
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
    // A standby says "read-only connections".
    readyText: 'ready to accept',
  };
}

/** A process that was ended a moment ago may have a server that is still shutting down in the same directory. */
function isStillInUse(error: unknown): boolean {
  return (
    error instanceof Error && /lock file ".*" already exists|pre-existing shared memory/.test(error.message)
  );
}
