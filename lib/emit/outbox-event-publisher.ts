import type { OutboxService } from './outbox.service.js';

/** What `AggregateRoot.commit()` of `@nestjs/cqrs` calls. */
interface Aggregate {
  publish(event: object): void;
  publishAll(events: object[]): void;
}

/**
 * `EventPublisher` of `@nestjs/cqrs` for the outbox: after `mergeObjectContext(aggregate)`, `aggregate.commit()` writes
 * its events to the outbox of the surrounding transaction (`outbox.transaction()`, a handler's, or one of the
 * transaction libraries). `commit()` does not wait, so the rows are written just before the transaction commits; an
 * event that is refused then fails the commit.
 * @throws {TransactionRequiredError} from `commit()` when no transaction surrounds it
 * @throws {InvalidEventTypeError} from `commit()` for an event without `@OutboxEvent()`
 */
export class OutboxEventPublisher {
  constructor(private readonly outbox: OutboxService) {}

  mergeObjectContext<T extends object>(aggregate: T): T {
    return Object.assign(aggregate, this.hooks());
  }

  mergeClassContext<T extends abstract new (...args: never[]) => object>(metatype: T): T {
    const hooks = this.hooks();
    // A mixin must take any arguments (TS2545).
    const base = metatype as unknown as new (...args: unknown[]) => object;
    const merged = class extends base {};
    Object.assign(merged.prototype, hooks);
    return merged as unknown as T;
  }

  private hooks(): Aggregate {
    return {
      publish: (event) => this.outbox.deferToCommit([event]),
      publishAll: (events) => {
        if (events.length > 0) this.outbox.deferToCommit(events);
      },
    };
  }
}
