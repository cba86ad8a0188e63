import type { Logger } from '@nestjs/common';
import type { EntityManager, QueryRunner } from 'typeorm';
import type { IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';
import { TransactionAlreadyRunningError } from '../errors/transaction-already-running.error.js';
import { TransactionRequiredError } from '../errors/transaction-required.error.js';
import { isEventId } from '../event/event-id.js';
import type { EventHeaders, NewEvent } from '../event/envelope.js';
import type { EventType, PayloadOf } from '../event/registry.js';
import type { Tracking } from '../event/tracking.js';
import { eventRef } from '../lifecycle/event-ref.js';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { TracingSlot } from '../lifecycle/tracing.js';
import type { OutboxStore } from '../store/store.js';
import type { AmbientTransaction } from './ambient-transaction.js';
import { classEvent, emitCall, type EmitCall, type EventToWrite } from './emit-arguments.js';
import type { EmitOptions, EventToEmit } from './emit-options.js';
import { checkedEvent, type EmitDefaults } from './new-event.js';
import { transactionOf, type EmitTarget, type TransactionHandle } from './transaction.js';
import type { Emission, TransactionHooks } from './transaction-hooks.js';

/** Something that collects events until it is asked for them, as `AggregateRoot` of `@nestjs/cqrs` does. */
export interface EventSource {
  getUncommittedEvents(): readonly object[];
  uncommit(): void;
}

/** The writing side: puts events into the outbox, inside the transaction they belong to. */
export class OutboxService {
  constructor(
    private readonly target: EmitTarget,
    private readonly store: Pick<OutboxStore, 'append' | 'cancel'>,
    private readonly ambient: AmbientTransaction,
    private readonly hooks: TransactionHooks,
    private readonly chain: Tracking,
    private readonly defaults: EmitDefaults,
    private readonly lifecycle: Pick<Telling, 'heard'>,
    private readonly tracing: Pick<TracingSlot, 'active'>,
    private readonly logger: Pick<Logger, 'debug'>,
  ) {}

  /**
   * Writes one event, to be published after, and only if, its transaction commits. Resolves to the event's id.
   * @param tx the `EntityManager` of a running transaction, or a `QueryRunner` after `startTransaction()`; left out, the
   * surrounding transaction is joined: `outbox.transaction()`'s, a handler's, `typeorm-transactional`'s or
   * `@nestjs-cls/transactional`'s
   * @param type stable name of the event, also its routing key: `'order.placed'`
   * @param payload what the codec can carry; JSON unless told otherwise, and bytes as they are
   * @throws {TransactionRequiredError} outside a transaction; {WrongDataSourceError} in one of another data source
   * @throws {InvalidEventTypeError | InvalidEventOptionError | InvalidPayloadError | UnserializablePayloadError |
   * PayloadTooLargeError} before anything is written, so the transaction is as it was
   */
  emit<T extends EventType>(
    tx: TransactionHandle,
    type: T,
    payload: PayloadOf<T>,
    options?: EmitOptions,
  ): Promise<string>;
  emit(tx: TransactionHandle, event: object, options?: EmitOptions): Promise<string>;
  emit<T extends EventType>(type: T, payload: PayloadOf<T>, options?: EmitOptions): Promise<string>;
  emit(event: object, options?: EmitOptions): Promise<string>;
  async emit(...args: unknown[]): Promise<string> {
    const { tx, event } = emitCall(args);
    const [id] = await this.write(tx, [event]);
    return id as string;
  }

  /**
   * Writes any number of events, in the given order, in one statement for each 10,000 of them (or 16 MiB of payloads,
   * whichever is less). Resolves to their ids. If one of them is refused, none is written. Errors as `emit()`.
   */
  emitMany(tx: TransactionHandle, events: readonly EventToEmit[]): Promise<string[]>;
  emitMany(events: readonly EventToEmit[]): Promise<string[]>;
  async emitMany(
    ...args: [TransactionHandle, readonly EventToEmit[]] | [readonly EventToEmit[]]
  ): Promise<string[]> {
    const explicit = args.length > 1;
    const events = (explicit ? args[1] : args[0]) as readonly EventToEmit[];
    const tx = explicit ? { handle: args[0] as TransactionHandle } : undefined;
    return this.write(tx, events.map(eventToWrite));
  }

  /**
   * Writes the uncommitted events of an aggregate (each an instance of an `@OutboxEvent()` class) and marks them
   * committed on it. Resolves to their ids. If one of them is refused the aggregate keeps them all.
   */
  async emitFrom(tx: TransactionHandle, source: EventSource): Promise<string[]> {
    const ids: string[] = [];
    do {
      ids.push(...(await this.emitMany(tx, source.getUncommittedEvents().slice(ids.length))));
      // What was raised meanwhile is not to be forgotten with the rest.
    } while (source.getUncommittedEvents().length > ids.length);
    source.uncommit();
    return ids;
  }

  /**
   * Runs `work` in a transaction that `emit()` joins without being handed it. A call inside a running transaction joins
   * that one instead.
   * @throws {TransactionAlreadyRunningError} for an `isolation` that a running transaction cannot take on any more
   */
  transaction<T>(
    work: (manager: EntityManager) => Promise<T>,
    options: { isolation?: IsolationLevel } = {},
  ): Promise<T> {
    const { isolation } = options;
    const running = this.ambient.current();
    if (running && isolation) return Promise.reject(new TransactionAlreadyRunningError(isolation));
    if (running) return work(running);
    return this.ambient.open(isolation, work);
  }

  /**
   * Takes back a scheduled event (`delay`, `availableAt`) that is not due yet. Resolves to whether there was one: an
   * event that is due, being published, or published already cannot be taken back.
   * @throws {TransactionRequiredError | WrongDataSourceError} as `emit()`
   */
  async cancel(tx: TransactionHandle, id: string): Promise<boolean> {
    const transaction = transactionOf(tx, this.target, id, 'cancel');
    return isEventId(id) && this.store.cancel(transaction, id);
  }

  /**
   * Starts a chain at an entry point: every event emitted within `work`, and every event their handlers emit, carries
   * `id` as its correlation id and as the first of its tracking ids.
   */
  tracking<T>(id: string, work: () => T): T {
    const chain = { correlationId: id, trackingIds: [id] };
    return this.chain.run(() => chain, work);
  }

  /** Writes them just before the surrounding transaction commits; for publishers whose callers do not wait. */
  deferToCommit(events: readonly object[]): void {
    const writes = events.map(eventToWrite);
    const transaction = this.transactionFor(undefined, writes[0]?.type);
    const chain = this.chain.current();
    this.hooks.defer(transaction, () => this.append(transaction, writes, chain).then(() => undefined));
  }

  private async write(tx: EmitCall['tx'], events: readonly EventToWrite[]): Promise<string[]> {
    return this.append(this.transactionFor(tx, events[0]?.type), events, this.chain.current());
  }

  private append(
    transaction: QueryRunner,
    events: readonly EventToWrite[],
    chain: ReturnType<Tracking['current']>,
  ): Promise<string[]> {
    const { active } = this.tracing;
    if (!active) return this.insert(transaction, events, chain);
    return active.emitting(events, (carrier) =>
      this.insert(
        transaction,
        events.map((event) => carrying(event, carrier)),
        chain,
      ),
    );
  }

  private async insert(
    transaction: QueryRunner,
    events: readonly EventToWrite[],
    chain: ReturnType<Tracking['current']>,
  ): Promise<string[]> {
    const rows: NewEvent[] = [];
    for (const event of events) rows.push(await checkedEvent(event, this.defaults, chain));
    const written = await this.store.append(transaction, rows);
    if (written < rows.length) this.tellOfDuplicates(rows, written);
    if (written > 0) this.hooks.emitted(transaction, this.emission(rows, written));
    return rows.map(({ id }) => id);
  }

  private emission(rows: readonly NewEvent[], written: number): Emission | undefined {
    if (!this.lifecycle.heard('emitted')) return undefined;
    return { events: rows.map(eventRef), duplicates: rows.length - written };
  }

  private transactionFor(tx: EmitCall['tx'], type: string | undefined): QueryRunner {
    if (tx) return transactionOf(tx.handle, this.target, type);
    const manager = this.ambient.current();
    if (manager) return transactionOf(manager, this.target, type);
    throw new TransactionRequiredError(
      type ?? 'event',
      'no transaction surrounds this call, and none was passed',
    );
  }

  private tellOfDuplicates(rows: readonly NewEvent[], written: number): void {
    const which =
      rows.length === 1
        ? `Event ${rows[0]?.id} (${rows[0]?.type}) is`
        : `${rows.length - written} of ${rows.length} events are`;
    // An id of one's own is given so that this may happen: no news, and `emitted` counts it.
    this.logger.debug(`${which} in the outbox already: an id is written once.`);
  }
}

/** The event with the headers a tracer adds; the emitter's own go first. */
function carrying(event: EventToWrite, carrier: EventHeaders): EventToWrite {
  const { options } = event;
  return { ...event, options: { ...options, headers: { ...carrier, ...options.headers } } };
}

/** `{ type, payload, ...options }` or an instance of an event class. */
function eventToWrite(event: object): EventToWrite {
  if (Object.getPrototypeOf(event) !== Object.prototype) return classEvent(event, {});
  const { type, payload, ...options } = event as { type: string; payload: unknown };
  return { type, payload, options, description: undefined };
}
