import { ArchiveFailedError } from '../../errors/archive-failed.error.js';
import type { EventHeaders } from '../../event/envelope.js';
import { settledOrAborted } from '../../policy/waiting.js';
import type { Archive, ArchivedEvent, ArchiveFunction } from '../../event/archive.js';
import type { Connection } from './connection.js';
import type { RelayConnections } from './relay-connections.js';
import type { PruneFrom } from './statements/expired.js';
import { BY_INDEX } from './statements/planner.js';
import { moveExpired } from './statements/move-expired.js';
import { prune, type PruneStep } from './statements/prune.js';
import { readExpired, type ExpiredRow } from './statements/read-expired.js';
import { removeArchived } from './statements/remove-archived.js';
import type { Tables } from './tables.js';

export interface PrunerSettings {
  readonly tables: Tables;
  readonly archive?: Archive | undefined;
}

/** Identity columns count from 1. */
const BEFORE_ALL = '0';
/** What a function gets at once: it has all of them in memory. */
const MOST = { events: 1_000, bytes: 8 * 1024 * 1024 };
/** How long a function may take for it, in milliseconds. The rows are locked meanwhile, which holds up nobody but prunes. */
const PATIENCE = 60_000;
/** For a process that no longer moves: its rows are then offered by others. */
const IDLE_TIMEOUT = PATIENCE + 30_000;

const NEVER = new AbortController().signal;

/** Removes published rows whose retention is over, step by step, each in a transaction of its own. */
export class PostgresPruner {
  /** Where the next step begins: also of the next walk, if one is left before its end. */
  private position = BEFORE_ALL;

  constructor(
    private readonly connections: RelayConnections,
    private readonly settings: PrunerSettings,
  ) {}

  async *prune(
    retention: number,
    limit: number,
    stopping: AbortSignal = NEVER,
  ): AsyncGenerator<number, void> {
    for (let isDone = false; !isDone;) {
      const { count, next } = await this.step({ after: this.position, retention, limit }, stopping);
      isDone = next === null;
      this.position = next ?? BEFORE_ALL;
      yield count;
    }
  }

  private async step(from: PruneFrom, stopping: AbortSignal): Promise<PruneStep> {
    const { tables, archive } = this.settings;
    if (typeof archive === 'function') return this.handOver(archive, from, stopping);
    const statement =
      archive === 'table' ? moveExpired(tables, from) : prune(tables, from.after, from.retention, from.limit);
    const [step] = await this.transaction((connection) => connection.run<PruneStep>(statement));
    return step as PruneStep;
  }

  /** The rows stay locked until the function has them, so that no other process offers them too, and go then. */
  private handOver(archive: ArchiveFunction, from: PruneFrom, stopping: AbortSignal): Promise<PruneStep> {
    return this.transaction(async (connection) => {
      const { events, next } = await this.expired(connection, from);
      if (events.length > 0) {
        await archived(archive, events, stopping);
        await connection.run(
          removeArchived(
            this.settings.tables,
            events.map(({ seq }) => seq),
          ),
        );
      }
      return { count: events.length, next };
    });
  }

  private async transaction<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.connections.connect();
    try {
      await connection.script([
        'BEGIN',
        // A statement would otherwise go on when nobody waits for its answer any more.
        `SET LOCAL statement_timeout = ${connection.patience}`,
        `SET LOCAL idle_in_transaction_session_timeout = ${IDLE_TIMEOUT}`,
        BY_INDEX,
      ]);
      const result = await work(connection);
      await connection.script(['COMMIT']);
      await connection.release();
      return result;
    } catch (error) {
      // And the transaction with it.
      await connection.destroy();
      throw error;
    }
  }

  private async expired(connection: Connection, from: PruneFrom) {
    const few = { ...from, limit: Math.min(from.limit, MOST.events) };
    const rows = await connection.run<ExpiredRow>(readExpired(this.settings.tables, few, MOST.bytes));
    return { next: rows[0]?.next ?? null, events: rows.filter(({ seq }) => seq !== null).map(archivedEvent) };
  }
}

/** @throws {ArchiveFailedError} if the function throws, or does not come to an end in time */
async function archived(
  archive: ArchiveFunction,
  events: readonly ArchivedEvent[],
  stopping: AbortSignal,
): Promise<void> {
  const signal = AbortSignal.any([stopping, AbortSignal.timeout(PATIENCE)]);
  const work = (async () => {
    await archive(events, { signal });
  })();
  await settledOrAborted(work, [signal]);
  const givenUp = () => Promise.reject(new Error('it did not end in time', { cause: signal.reason }));
  try {
    // Of the two, what has settled comes first.
    await Promise.race([work, givenUp()]);
  } catch (error) {
    throw new ArchiveFailedError(events.length, error);
  }
}

const archivedEvent = (row: ExpiredRow): ArchivedEvent => ({
  seq: row.seq as string,
  id: row.id,
  type: row.type,
  key: row.key,
  payload: row.payload,
  contentType: row.content_type,
  headers: row.headers === null ? null : (JSON.parse(row.headers) as EventHeaders),
  exchange: row.exchange,
  correlationId: row.correlation_id,
  createdAt: row.created_at,
  publishedAt: row.published_at,
  returned: row.returned,
});
