import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { EventHeaders } from '../event/envelope.js';
import type { FailedAttempt } from '../event/failed-attempt.js';

export type EventState = 'pending' | 'published' | 'dead';

/**
 * A row of the outbox, for reading. `synchronize: false` keeps TypeORM's schema builder away from the table, so that
 * neither `synchronize` nor `migration:generate` touches it: its DDL is the library's migrations.
 */
@Entity('outbox', { synchronize: false })
export class OutboxEventEntity {
  /** Position in the outbox: a 64-bit number as text. */
  @PrimaryColumn('bigint')
  seq!: string;

  @Column('uuid')
  id!: string;

  @Column('text')
  state!: EventState;

  @Column('text')
  type!: string;

  @Column('text', { nullable: true })
  key!: string | null;

  /** The encoded payload, as it goes to the broker. */
  @Column('bytea')
  payload!: Buffer;

  @Column('text', { name: 'content_type' })
  contentType!: string;

  @Column('text', {
    nullable: true,
    transformer: {
      from: (text: string | null) => (text === null ? null : (JSON.parse(text) as EventHeaders)),
      to: (headers: EventHeaders | null) => (headers === null ? null : JSON.stringify(headers)),
    },
  })
  headers!: EventHeaders | null;

  @Column('text', { nullable: true })
  exchange!: string | null;

  @Column('text', { name: 'correlation_id', nullable: true })
  correlationId!: string | null;

  /** Milliseconds the broker may hold the message; `null` for ever. */
  @Column('bigint', { nullable: true })
  expiration!: string | null;

  @Column('smallint', { nullable: true })
  priority!: number | null;

  /** Whether a return of the broker is a failure of this event; `null` for what the module says. */
  @Column('boolean', { name: 'require_route', nullable: true })
  requireRoute!: boolean | null;

  @Column('timestamptz', { name: 'created_at' })
  createdAt!: Date;

  /** When it becomes due; `null` for at once. */
  @Column('timestamptz', { name: 'available_at', nullable: true })
  availableAt!: Date | null;

  /** Failed attempts to publish. */
  @Column('int')
  attempts!: number;

  @Column('text', { name: 'last_error', nullable: true })
  lastError!: string | null;

  /** The newest ten of the attempts that failed, oldest first; `null` when none has. */
  @Column('jsonb', { nullable: true })
  errors!: FailedAttempt[] | null;

  @Column('timestamptz', { name: 'published_at', nullable: true })
  publishedAt!: Date | null;

  /** The broker had no queue for it when it was published. */
  @Column('boolean')
  returned!: boolean;
}

/** An event that a consumer has handled: the memory that makes redeliveries harmless. */
@Entity('outbox_inbox', { synchronize: false })
export class InboxEntity {
  /** The handler's queue. */
  @PrimaryColumn('text')
  consumer!: string;

  @PrimaryColumn('text', { name: 'event_id' })
  eventId!: string;

  @Column('timestamptz', { name: 'handled_at' })
  handledAt!: Date;
}
