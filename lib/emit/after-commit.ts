import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';

/**
 * Calls back once after each transaction that was marked has committed; never after a rollback.
 *
 * TypeORM awaits the subscriber inside `commitTransaction()`, and a throw would reject a transaction that has
 * committed: the callback must be quick and must not throw. It also fires when a savepoint is released, then with the
 * outer transaction still active.
 */
export class AfterCommit {
  private readonly marked = new WeakSet<QueryRunner>();
  private readonly subscriber: EntitySubscriberInterface;

  constructor(
    private readonly dataSource: DataSource,
    committed: () => void,
  ) {
    this.subscriber = {
      afterTransactionCommit: ({ queryRunner }) => {
        if (!queryRunner.isTransactionActive && this.marked.delete(queryRunner)) committed();
      },
      afterTransactionRollback: ({ queryRunner }) => {
        if (!queryRunner.isTransactionActive) this.marked.delete(queryRunner);
      },
    };
    dataSource.subscribers.push(this.subscriber);
  }

  mark(transaction: QueryRunner): void {
    this.marked.add(transaction);
  }

  close(): void {
    const { subscribers } = this.dataSource;
    const index = subscribers.indexOf(this.subscriber);
    if (index >= 0) subscribers.splice(index, 1);
  }
}
