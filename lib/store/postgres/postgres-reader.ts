import type { QueryRunner } from 'typeorm';
import type { Claim, EventReader } from '../store.js';
import { PostgresClaim, toClaimedEvent, type ClaimedRow } from './postgres-claim.js';
import { abandon, run, type RelayConnections } from './relay-connections.js';
import { parseSnapshot, type Snapshot } from './snapshot.js';
import { claimDue } from './statements/claim-due.js';
import { claimFresh } from './statements/claim-fresh.js';
import { claimScan } from './statements/claim-scan.js';
import { nextDue } from './statements/next-due.js';
import type { Tables } from './tables.js';

/**
 * Where the reader is.
 * - `start`: nothing is known; the next claim begins a scan of every pending row.
 * - `scan`: paging through all that was visible in `epoch`, behind `after`.
 * - `tail`: all that was visible in `epoch` has been seen; only what became visible since is looked for.
 *
 * `start → scan → tail`, `tail → scan` when more became visible than one claim takes, and any `→ start` on rewind.
 */
type Position =
  | { readonly at: 'start' }
  | { readonly at: 'scan'; readonly epoch: Snapshot; readonly after: string }
  | { readonly at: 'tail'; readonly epoch: Snapshot };

export interface ReaderSettings {
  readonly tables: Tables;
  /** Later events of a key wait behind a dead one. */
  readonly parking: boolean;
  readonly deletePublished: boolean;
  /** A claim whose relay has frozen is cut off after this many milliseconds. */
  readonly idleTimeout: number;
}

/** How often scheduled events and retries are looked for while there is other work, in milliseconds. */
const DUE_INTERVAL = 100;

/** Reads the outbox by snapshots: exactly the rows that have become visible, in order, none twice, none missed. */
export class PostgresReader implements EventReader {
  private position: Position = { at: 'start' };
  private nextDueLook = 0;
  nextDue: number | undefined;

  constructor(
    private readonly connections: RelayConnections,
    private readonly settings: ReaderSettings,
  ) {}

  rewind(): void {
    this.position = { at: 'start' };
    this.nextDueLook = 0;
  }

  async claim(limit: number): Promise<Claim | undefined> {
    const runner = await this.connections.begin({
      idle_in_transaction_session_timeout: String(this.settings.idleTimeout),
      // A settle that is lost in a crash of the server is only a duplicate.
      synchronous_commit: 'off',
      // Statistics of a queue table are always stale; an index is never the wrong choice here.
      enable_seqscan: 'off',
    });
    try {
      const rows = await this.read(runner, limit);
      if (rows.length > 0) return new PostgresClaim(runner, this.settings, rows.map(toClaimedEvent));
      await this.lookAhead(runner);
    } catch (error) {
      await abandon(runner);
      throw error;
    }
    await abandon(runner);
    return undefined;
  }

  private async read(runner: QueryRunner, limit: number): Promise<ClaimedRow[]> {
    const itsTurn = performance.now() >= this.nextDueLook;
    const due = itsTurn ? await this.readDue(runner, limit) : [];
    if (due.length > 0) return due;
    const ready = await this.readReady(runner, limit);
    // With nothing else to do, what is due need not wait for its turn.
    return ready.length > 0 || itsTurn ? ready : this.readDue(runner, limit);
  }

  private async readDue(runner: QueryRunner, limit: number): Promise<ClaimedRow[]> {
    const { tables, parking } = this.settings;
    const rows = await run<ClaimedRow>(runner, claimDue(tables, parking, limit));
    if (rows.length < limit) this.nextDueLook = performance.now() + DUE_INTERVAL;
    return rows;
  }

  private async readReady(runner: QueryRunner, limit: number): Promise<ClaimedRow[]> {
    for (;;) {
      const from = this.position;
      const rows = await (from.at === 'tail'
        ? this.readFresh(runner, from.epoch, limit)
        : this.readScan(runner, limit));
      // The end of a scan is not the end of the outbox: rows may have come since its epoch.
      if (rows.length > 0 || from.at === 'start' || this.position.at === from.at) return rows;
    }
  }

  /** With nothing to do, the next moment there will be something is worth a question. */
  private async lookAhead(runner: QueryRunner): Promise<void> {
    const [row] = await run<{ due: number | null }>(runner, nextDue(this.settings.tables));
    this.nextDue = row?.due ?? undefined;
    this.nextDueLook = 0;
  }

  private async readFresh(runner: QueryRunner, previous: Snapshot, limit: number): Promise<ClaimedRow[]> {
    const { tables, parking } = this.settings;
    const before = this.position;
    const rows = await run<FreshRow>(runner, claimFresh(tables, parking, previous, limit));
    const [{ epoch, found, last }] = rows as [FreshRow];
    const seen = parseSnapshot(epoch);
    this.moveOn(
      before,
      found < limit || last === null ? { at: 'tail', epoch: seen } : { at: 'scan', epoch: seen, after: last },
    );
    return rows.filter((row) => row.seq !== null);
  }

  private async readScan(runner: QueryRunner, limit: number): Promise<ClaimedRow[]> {
    const { tables, parking } = this.settings;
    const before = this.position;
    const epoch = before.at === 'start' ? await currentSnapshot(runner) : before.epoch;
    const after = before.at === 'scan' ? before.after : '-9223372036854775808';
    const rows = await run<ClaimedRow>(runner, claimScan(tables, parking, after, epoch.text, limit));
    const last = rows.at(-1);
    this.moveOn(
      before,
      rows.length < limit || !last ? { at: 'tail', epoch } : { at: 'scan', epoch, after: last.seq },
    );
    return rows;
  }

  /** A rewind that came while a statement ran wins over where the statement got to. */
  private moveOn(from: Position, to: Position): void {
    if (this.position === from) this.position = to;
  }
}

type FreshRow = ClaimedRow & { epoch: string; found: number; last: string | null };

async function currentSnapshot(runner: QueryRunner): Promise<Snapshot> {
  const [row] = await run<{ epoch: string }>(runner, {
    text: 'SELECT pg_current_snapshot()::text AS epoch',
    values: [],
  });
  return parseSnapshot(row?.epoch ?? '');
}
