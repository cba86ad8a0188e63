import type { DataSource } from 'typeorm';
import type { EventHeaders } from '../../event/envelope.js';
import type { FailedAttempt } from '../../event/failed-attempt.js';
import type { DeadEvent, DeadEventFilter, DeadEventPage, DeadEventRef, DeadEvents } from '../dead-events.js';
import { deadCount } from './statements/dead-count.js';
import { deadLast } from './statements/dead-last.js';
import { deadList } from './statements/dead-list.js';
import { deadRemove } from './statements/dead-remove.js';
import { deadRequeue } from './statements/dead-requeue.js';
import type { Statement } from './statements/statement.js';
import type { Tables } from './tables.js';

interface DeadRow {
  seq: string;
  id: string;
  type: string;
  key: string | null;
  payload: Buffer;
  content_type: string;
  headers: string | null;
  exchange: string | null;
  correlation_id: string | null;
  attempts: number;
  errors: FailedAttempt[] | null;
  occurred_at: number;
}

/** Dead rows, on the application's own connections: looking at them is no business of the relay's. */
export class PostgresDeadEvents implements DeadEvents {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tables: Tables,
  ) {}

  async list(filter: DeadEventFilter, page: DeadEventPage): Promise<DeadEvent[]> {
    return (await this.query<DeadRow>(deadList(this.tables, filter, page))).map(toDeadEvent);
  }

  async count(filter: DeadEventFilter): Promise<number> {
    const [row] = await this.query<{ count: number }>(deadCount(this.tables, filter));
    return row?.count ?? 0;
  }

  async last(): Promise<string | undefined> {
    const [row] = await this.query<{ seq: string | null }>(deadLast(this.tables));
    return row?.seq ?? undefined;
  }

  requeue(filter: DeadEventFilter, page: DeadEventPage): Promise<DeadEventRef[]> {
    return this.query<DeadEventRef>(deadRequeue(this.tables, filter, page));
  }

  remove(filter: DeadEventFilter, page: DeadEventPage): Promise<DeadEventRef[]> {
    return this.query<DeadEventRef>(deadRemove(this.tables, filter, page));
  }

  private query<Row>({ text, values }: Statement): Promise<Row[]> {
    return this.dataSource.query<Row[]>(text, [...values]);
  }
}

const toDeadEvent = (row: DeadRow): DeadEvent => ({
  seq: row.seq,
  id: row.id,
  type: row.type,
  key: row.key,
  body: row.payload,
  contentType: row.content_type,
  headers: row.headers === null ? null : (JSON.parse(row.headers) as EventHeaders),
  exchange: row.exchange,
  correlationId: row.correlation_id,
  attempts: row.attempts,
  errors: row.errors ?? [],
  occurredAt: row.occurred_at,
});
