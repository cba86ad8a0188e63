import { chmod, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { EmbeddedPostgres } from '../../../lib/testing/postgres.js';
import { startPostgres } from '../postgres.mjs';

/** What is a server's own, and not of the cluster. */
const NOT_COPIED = ['postmaster.pid', 'postmaster.opts'];
const BACKUP = ["pg_backup_start('standby', true)", 'pg_backup_stop(false)'] as const;
const BACKUP_BEFORE_15 = ["pg_start_backup('standby', true, false)", 'pg_stop_backup(false, false)'] as const;

export interface Standby {
  readonly url: string;
  /** Resolves when it has everything that its primary has committed. */
  caughtUp(): Promise<void>;
  /** It becomes a primary. */
  promote(): Promise<void>;
  close(): Promise<void>;
}

/** A hot standby of a private server, by a base backup and streaming replication, with nothing but the server's own programs. */
export async function startStandby(primary: EmbeddedPostgres): Promise<Standby> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'outbox-standby-'));
  // As root, the server runs as somebody else, who must be able to enter.
  await chmod(scratch, 0o755);
  const dataDirectory = path.join(scratch, 'data');
  await backUp(primary, dataDirectory);
  await writeFile(path.join(dataDirectory, 'standby.signal'), '');
  const { hostname, port, username, password } = new URL(primary.url);
  const settings = {
    primary_conninfo: `host=${hostname} port=${port} user=${username} password=${password}`,
  };
  const server = await startPostgres({ dataDirectory, settings });
  return {
    url: server.url,
    caughtUp: () => caughtUp(primary),
    promote: async () => void (await query(server.url, 'SELECT pg_promote()')),
    close: async () => {
      await server.close();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

/** The session that began the backup must be the one that ends it. */
async function backUp(primary: EmbeddedPostgres, directory: string): Promise<void> {
  const client = await connect(primary.url);
  try {
    const [begin, end] = Number.parseInt(primary.version) >= 15 ? BACKUP : BACKUP_BEFORE_15;
    await client.query(`SELECT ${begin}`);
    await cp(primary.dataDirectory, directory, {
      recursive: true,
      filter: (file) => !NOT_COPIED.includes(path.basename(file)),
    });
    const { rows } = await client.query<{ labelfile: string }>(`SELECT labelfile FROM ${end}`);
    await writeFile(path.join(directory, 'backup_label'), rows[0]?.labelfile ?? '');
  } finally {
    await client.end();
  }
}

async function caughtUp(primary: EmbeddedPostgres): Promise<void> {
  const [row] = await query<{ lsn: string }>(primary.url, 'SELECT pg_current_wal_lsn() AS lsn');
  for (;;) {
    const [standby] = await query<{ behind: boolean }>(
      primary.url,
      'SELECT replay_lsn IS NULL OR replay_lsn < $1::pg_lsn AS behind FROM pg_stat_replication',
      [row?.lsn],
    );
    if (standby?.behind === false) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function query<Row extends object>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = await connect(url);
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
}
