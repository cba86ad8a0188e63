import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';

/** What has happened in one level of a transaction: the transaction itself, or a savepoint in it. */
interface Level {
  emitted: boolean;
  readonly deferred: Array<() => Promise<void>>;
}

/**
 * Follows the transactions of a data source, so that a wake-up is given once after a commit that emitted something, and
 * never for events that were rolled back, with a savepoint or with everything. Work can be deferred to the moment
 * before the commit; an error there fails the commit.
 *
 * TypeORM awaits subscribers inside `commitTransaction()`, and a throw after the commit would reject a transaction that
 * has committed: `committed` must be quick and must not throw.
 */
export class TransactionHooks {
  private readonly levels = new WeakMap<QueryRunner, Level[]>();
  private readonly subscriber: EntitySubscriberInterface;

  constructor(
    private readonly dataSource: DataSource,
    committed: () => void,
  ) {
    this.subscriber = {
      afterTransactionStart: ({ queryRunner }) => {
        if (depthOf(queryRunner) <= 1) this.levels.delete(queryRunner);
        this.levelsOf(queryRunner, depthOf(queryRunner));
      },
      beforeTransactionCommit: async ({ queryRunner }) => {
        if (depthOf(queryRunner) <= 1) await this.runDeferred(queryRunner);
      },
      afterTransactionCommit: ({ queryRunner }) => {
        if (this.release(queryRunner)) committed();
      },
      afterTransactionRollback: ({ queryRunner }) => {
        this.levels.get(queryRunner)?.pop();
      },
    };
    dataSource.subscribers.push(this.subscriber);
  }

  /** The transaction has emitted: wake the relay once it has committed. */
  emitted(transaction: QueryRunner): void {
    this.top(transaction).emitted = true;
  }

  /** Runs `work` in the transaction just before it commits, unless what it belongs to is rolled back. */
  defer(transaction: QueryRunner, work: () => Promise<void>): void {
    this.top(transaction).deferred.push(work);
  }

  close(): void {
    const { subscribers } = this.dataSource;
    const index = subscribers.indexOf(this.subscriber);
    if (index >= 0) subscribers.splice(index, 1);
  }

  private top(transaction: QueryRunner): Level {
    return this.levelsOf(transaction, depthOf(transaction)).at(-1) as Level;
  }

  private levelsOf(transaction: QueryRunner, depth: number): Level[] {
    const levels = this.levels.get(transaction) ?? [];
    while (levels.length < Math.max(1, depth)) levels.push({ emitted: false, deferred: [] });
    this.levels.set(transaction, levels);
    return levels;
  }

  /** In the order it was deferred; what it defers in turn runs too. */
  private async runDeferred(transaction: QueryRunner): Promise<void> {
    const { deferred } = this.top(transaction);
    for (let work = deferred.shift(); work; work = deferred.shift()) await work();
  }

  /** A released savepoint hands over to the level around it. Whether the transaction has committed and had emitted. */
  private release(transaction: QueryRunner): boolean {
    const levels = this.levels.get(transaction);
    const ended = levels?.pop();
    if (!levels || !ended) return false;
    if (!transaction.isTransactionActive) {
      this.levels.delete(transaction);
      return ended.emitted;
    }
    const outer = levels.at(-1);
    if (outer) {
      outer.emitted ||= ended.emitted;
      outer.deferred.push(...ended.deferred);
    }
    return false;
  }
}

/** 1 in a transaction, 2 in a savepoint of it, and so on. TypeORM keeps it to itself, but every driver has it. */
const depthOf = (runner: QueryRunner): number =>
  (runner as QueryRunner & { transactionDepth?: number }).transactionDepth ?? 1;
