import type { EntityManager } from 'typeorm';
import { InboxRequiredError } from '../../errors/inbox-required.error.js';
import type { EventContext, HandlerRun } from '../event-context.js';
import { Reject } from '../signals.js';

/** What a handler of batches may know besides the payloads; injected by `@Ctx()` or as the second argument. */
export class EventBatch<Message = unknown> implements Iterable<EventContext<Message>> {
  /** One for each payload, in the same order. */
  readonly contexts: ReadonlyArray<EventContext<Message>>;
  /** The handler's queue. */
  readonly queue: string;
  readonly #run: HandlerRun;
  readonly #failures: Map<number, unknown>;
  readonly #manager: EntityManager | undefined;

  constructor(
    contexts: ReadonlyArray<EventContext<Message>>,
    queue: string,
    run: HandlerRun,
    failures: Map<number, unknown>,
    manager?: EntityManager,
  ) {
    this.contexts = contexts;
    this.queue = queue;
    this.#run = run;
    this.#failures = failures;
    this.#manager = manager;
  }

  /** How many events it has; at least one. */
  get size(): number {
    return this.contexts.length;
  }

  [Symbol.iterator](): Iterator<EventContext<Message>> {
    return this.contexts[Symbol.iterator]();
  }

  /**
   * One event has failed, and the others have not: its outcome is that of a handler that throws `error`, which may be a
   * `Retry`, `Reject` or `Abort`. In a transaction, what was written for it is the caller's to leave out.
   * @param index of its payload
   * @throws {RangeError} when there is no such payload
   */
  fail(index: number, error: unknown): void {
    if (!(index in this.contexts))
      throw new RangeError(`There is no event ${index} in a batch of ${this.size}.`);
    this.#failures.set(index, error);
  }

  /**
   * One event can never be handled: it goes to the dead letters at once, as if its handler had thrown a `Reject`.
   * @param index of its payload
   * @param reason text, or the error
   * @throws {RangeError} when there is no such payload
   */
  reject(index: number, reason?: unknown): void {
    this.fail(index, reason instanceof Reject ? reason : rejection(reason));
  }

  /**
   * The transaction that the batch is handled in, of a handler with an inbox: what is written through it commits with the
   * memory of the events, or not at all.
   * @throws {InboxRequiredError} for a handler without one
   */
  get manager(): EntityManager {
    if (this.#manager) return this.#manager;
    throw new InboxRequiredError(this.queue);
  }

  /** As that of each context: aborts at the handler's `timeout`, or when the messages have been taken away. */
  get signal(): AbortSignal {
    return this.#run.signal;
  }
}

function rejection(reason: unknown): Reject {
  if (reason instanceof Error) return new Reject(reason.message, { cause: reason });
  return new Reject(typeof reason === 'string' ? reason : undefined);
}
