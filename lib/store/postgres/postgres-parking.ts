import type { DataSource } from 'typeorm';
import type {
  EventToPark,
  ParkedEvent,
  ParkedKey,
  Parking,
  ParkingStore,
  Place,
  WaitingKey,
} from '../parking-store.js';
import { bury, postpone, remove } from './statements/parking/change.js';
import { head, type HeadRow } from './statements/parking/head.js';
import { dead, overdue, skip, waitingKeys, type KeyRow } from './statements/parking/keys.js';
import type { Owned } from './statements/parking/owner.js';
import { park } from './statements/parking/park.js';
import { parkedKeys, takeOver } from './statements/parking/take-over.js';
import type { Statement } from './statements/statement.js';
import type { Tables } from './tables.js';

/** The parking of ordered consumers on PostgreSQL 14 and later. */
export class PostgresParking implements ParkingStore {
  constructor(
    private readonly dataSource: DataSource,
    private readonly tables: Tables,
  ) {}

  async takeOver(consumer: string): Promise<{ ticket: string; keys: string[] }> {
    const [taken] = await this.query<{ ticket: string }>(takeOver(this.tables, consumer));
    const keys = await this.query<{ key: string }>(parkedKeys(this.tables, consumer));
    return { ticket: (taken as { ticket: string }).ticket, keys: keys.map(({ key }) => key) };
  }

  async park(consumer: string, ticket: string, event: EventToPark): Promise<Parking> {
    const { owned, written } = await this.write(park(this.tables, consumer, ticket, storable(event)));
    if (owned === 0) return 'lost';
    return written > 0 ? 'parked' : 'known';
  }

  async head(consumer: string, key: string): Promise<ParkedEvent | undefined> {
    const [row] = await this.query<HeadRow>(head(this.tables, consumer, text(key)));
    return row && parkedEvent(row, key);
  }

  async postpone(
    ...[consumer, ticket, event, failure]: Parameters<ParkingStore['postpone']>
  ): Promise<boolean> {
    return (
      (
        await this.write(
          postpone(this.tables, consumer, ticket, event, { ...failure, error: text(failure.error) }),
        )
      ).owned > 0
    );
  }

  async bury(...[consumer, ticket, event, failure]: Parameters<ParkingStore['bury']>): Promise<boolean> {
    return (
      (
        await this.write(
          bury(this.tables, consumer, ticket, event, { ...failure, error: text(failure.error) }),
        )
      ).owned > 0
    );
  }

  async remove(consumer: string, ticket: string, event: Place): Promise<boolean> {
    return (await this.write(remove(this.tables, consumer, ticket, event))).owned > 0;
  }

  async overdue(consumer: string, lateness: number, limit: number): Promise<string[]> {
    const rows = await this.query<{ key: string }>(overdue(this.tables, consumer, lateness, limit));
    return rows.map(({ key }) => key);
  }

  async keys(consumers: readonly string[] | undefined, limit: number): Promise<ParkedKey[]> {
    const rows = await this.query<KeyRow>(waitingKeys(this.tables, consumers, limit));
    return rows.map((row) => ({ ...row, error: row.error ?? undefined }));
  }

  async skip(consumer: string, key: string): Promise<boolean> {
    return (await this.query(skip(this.tables, consumer, { key: text(key) }))).length > 0;
  }

  async dead(consumer: string): Promise<string[]> {
    return (await this.query<{ id: string }>(dead(this.tables, consumer))).map(({ id }) => id);
  }

  skipEvents(consumer: string, ids: readonly string[]): Promise<WaitingKey[]> {
    return this.query<WaitingKey>(skip(this.tables, consumer, { ids: ids.map(text) }));
  }

  private async write(statement: Statement): Promise<Owned> {
    const [row] = await this.query<Owned>(statement);
    return row as Owned;
  }

  private query<Row>({ text, values }: Statement): Promise<Row[]> {
    return this.dataSource.query<Row[]>(text, [...values]);
  }
}

function parkedEvent(row: HeadRow, key: string): ParkedEvent {
  const { seq, id, attempts, state, due_in: dueIn, type, properties, body } = row;
  const message = { type, routingKey: row.routing_key, properties, body };
  return { seq, id, key, attempts, state, dueIn: dueIn ?? 0, message };
}

function storable(event: EventToPark): EventToPark {
  const { id, key, error, message } = event;
  const { type, routingKey } = message;
  return {
    ...event,
    id: text(id),
    key: text(key),
    error: text(error),
    message: { ...message, type: text(type), routingKey: text(routingKey) },
  };
}

/** PostgreSQL's text has no NUL; others may send any. */
const text = <T extends string | undefined>(value: T): T => value?.replaceAll('\0', '�') as T;
