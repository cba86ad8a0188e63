import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntityManager } from 'typeorm';
import type { IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';

/** Somewhere a running transaction can be found without being handed one. */
export type TransactionSource = () => EntityManager | undefined;

/**
 * The transaction that surrounds the code that asks: ours, `typeorm-transactional`'s or `@nestjs-cls/transactional`'s,
 * whichever is running on this data source.
 */
export class AmbientTransaction {
  private readonly storage = new AsyncLocalStorage<EntityManager>();
  private readonly sources: readonly TransactionSource[];

  constructor(
    private readonly dataSource: DataSource,
    others: readonly TransactionSource[] = [],
  ) {
    // typeorm-transactional patches the data source: within its transactions `manager` is the transaction's.
    this.sources = [() => this.storage.getStore(), () => dataSource.manager, ...others];
  }

  current(): EntityManager | undefined {
    for (const source of this.sources) {
      const manager = source();
      if (manager && this.isRunning(manager)) return manager;
    }
    return undefined;
  }

  /** Runs `work` in a transaction of its own, which surrounds it. */
  open<T>(isolation: IsolationLevel | undefined, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    const run = (manager: EntityManager) => this.within(manager, () => work(manager));
    return isolation ? this.dataSource.transaction(isolation, run) : this.dataSource.transaction(run);
  }

  /** Makes `manager`'s transaction the surrounding one for `work` and everything it awaits. */
  within<T>(manager: EntityManager, work: () => Promise<T>): Promise<T> {
    return this.storage.run(manager, work);
  }

  /** Work that was not awaited may outlive its transaction; that one is no longer there to join. */
  private isRunning({ queryRunner }: EntityManager): boolean {
    if (!queryRunner || queryRunner.isReleased || !queryRunner.isTransactionActive) return false;
    return queryRunner.dataSource === this.dataSource;
  }
}
