import type { QueryRunner } from 'typeorm';
import type { EventHeaders } from '../../event/envelope.js';
import type { Claim, ClaimedEvent, Settlement } from '../store.js';
import { abandon, run } from './relay-connections.js';
import { deletePublished, markDead, markPublished, reschedule } from './statements/settle.js';
import type { Statement } from './statements/statement.js';
import type { Tables } from './tables.js';

export interface ClaimedRow {
  seq: string;
  id: string;
  type: string;
  key: string | null;
  payload: Buffer;
  content_type: string;
  headers: string | null;
  exchange: string | null;
  correlation_id: string | null;
  expiration: string | null;
  priority: number | null;
  attempts: number;
  has_failed: boolean;
  occurred_at: number;
}

export function toClaimedEvent(row: ClaimedRow): ClaimedEvent {
  return {
    seq: row.seq,
    id: row.id,
    type: row.type,
    key: row.key,
    body: row.payload,
    contentType: row.content_type,
    headers: row.headers === null ? null : (JSON.parse(row.headers) as EventHeaders),
    exchange: row.exchange,
    correlationId: row.correlation_id,
    expiration: row.expiration === null ? null : Number(row.expiration),
    priority: row.priority,
    attempts: row.attempts,
    hasFailed: row.has_failed,
    occurredAt: row.occurred_at,
  };
}

/** Locked rows and the open transaction that holds them: the lock is the lease. */
export class PostgresClaim implements Claim {
  constructor(
    private readonly runner: QueryRunner,
    private readonly settings: { readonly tables: Tables; readonly deletePublished: boolean },
    readonly events: readonly ClaimedEvent[],
  ) {}

  async settle(settlement: Settlement): Promise<void> {
    try {
      for (const statement of this.statements(settlement)) await run(this.runner, statement);
      await this.runner.commitTransaction();
    } catch (error) {
      await this.release();
      throw error;
    }
    await this.runner.release();
  }

  async release(): Promise<void> {
    await abandon(this.runner);
  }

  private statements({ published, returned, rescheduled, dead }: Settlement): Statement[] {
    const { tables } = this.settings;
    const gone = this.settings.deletePublished;
    const statements: Array<[count: number, statement: () => Statement]> = gone
      ? [[published.length + returned.length, () => deletePublished(tables, [...published, ...returned])]]
      : [
          [published.length, () => markPublished(tables, published, false)],
          [returned.length, () => markPublished(tables, returned, true)],
        ];
    statements.push([rescheduled.length, () => reschedule(tables, rescheduled)]);
    statements.push([dead.length, () => markDead(tables, dead)]);
    return statements.filter(([count]) => count > 0).map(([, statement]) => statement());
  }
}
