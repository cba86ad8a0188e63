import type { QueryRunner } from 'typeorm';
import type { NewEvent } from '../event/envelope.js';
import type { OutboxStore } from '../store/store.js';
import type { AfterCommit } from './after-commit.js';
import type { EmitOptions, EventToEmit } from './emit-options.js';
import { newEvent, type EmitLimits } from './new-event.js';
import { transactionOf, type EmitTarget, type TransactionHandle } from './transaction.js';

/** The writing side: puts events into the outbox, inside the transaction they belong to. */
export class OutboxService {
  constructor(
    private readonly target: EmitTarget,
    private readonly store: Pick<OutboxStore, 'append'>,
    private readonly afterCommit: AfterCommit,
    private readonly limits: EmitLimits,
  ) {}

  /**
   * Writes one event in the running transaction `tx`. It is published after, and only if, that transaction commits.
   * Resolves to the event's id.
   * @param tx the `EntityManager` of a running transaction, or a `QueryRunner` after `startTransaction()`
   * @param type stable name of the event, also its routing key: `'order.placed'`
   * @param payload JSON-serialisable value, or bytes as a Buffer or Uint8Array
   * @throws {TransactionRequiredError} outside a transaction; {WrongDataSourceError} in one of another data source
   * @throws {InvalidEventTypeError | InvalidEventOptionError | UnserializablePayloadError | PayloadTooLargeError} before
   * anything is written, so the transaction is as it was
   */
  async emit(
    tx: TransactionHandle,
    type: string,
    payload: unknown,
    options: EmitOptions = {},
  ): Promise<string> {
    const transaction = transactionOf(tx, this.target, type);
    const event = newEvent(type, payload, options, this.limits);
    await this.append(transaction, [event]);
    return event.id;
  }

  /**
   * Writes any number of events in one statement, in the given order. Resolves to their ids. If one of them is
   * refused, none is written. Errors as `emit()`.
   */
  async emitMany(tx: TransactionHandle, events: readonly EventToEmit[]): Promise<string[]> {
    const transaction = transactionOf(tx, this.target, events[0]?.type);
    const rows = events.map(({ type, payload, ...options }) => newEvent(type, payload, options, this.limits));
    if (rows.length > 0) await this.append(transaction, rows);
    return rows.map(({ id }) => id);
  }

  private async append(transaction: QueryRunner, events: readonly NewEvent[]): Promise<void> {
    await this.store.append(transaction, events);
    this.afterCommit.mark(transaction);
  }
}
