import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import type { EventRef } from '../lifecycle/messages.js';

/** What one call wrote, for those who listen to `emitted`. */
export interface Emission {
  readonly events: readonly EventRef[];
  /** How many of them were in the outbox already. */
  readonly duplicates: number;
}

/** What has happened in one level of a transaction: the transaction itself, or a savepoint in it. */
interface Level {
  emitted: boolean;
  readonly emissions: Emission[];
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
    committed: (emissions: readonly Emission[]) => void,
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
        const ended = this.release(queryRunner);
        if (ended?.emitted) committed(ended.emissions);
      },
      afterTransactionRollback: ({ queryRunner }) => {
        this.levels.get(queryRunner)?.pop();
      },
    };
    dataSource.subscribers.push(this.subscriber);
  }

  /** The transaction has emitted: wake the relay once it has committed. `emission` is given if anybody listens. */
  emitted(transaction: QueryRunner, emission?: Emission): void {
    const level = this.top(transaction);
    level.emitted = true;
    if (emission) level.emissions.push(emission);
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
    while (levels.length < Math.max(1, depth)) levels.push({ emitted: false, emissions: [], deferred: [] });
    this.levels.set(transaction, levels);
    return levels;
  }

  /** In the order it was deferred; what it defers in turn runs too. */
  private async runDeferred(transaction: QueryRunner): Promise<void> {
    const { deferred } = this.top(transaction);
    for (let work = deferred.shift(); work; work = deferred.shift()) await work();
  }

  /** A released savepoint hands over to the level around it. What the whole transaction did, once it has committed. */
  private release(transaction: QueryRunner): Level | undefined {
    const levels = this.levels.get(transaction);
    const ended = levels?.pop();
    if (!levels || !ended) return undefined;
    if (!transaction.isTransactionActive) {
      this.levels.delete(transaction);
      return ended;
    }
    const outer = levels.at(-1);
    if (outer) {
      outer.emitted ||= ended.emitted;
      for (const emission of ended.emissions) outer.emissions.push(emission);
      outer.deferred.push(...ended.deferred);
    }
    return undefined;
  }
}

/** 1 in a transaction, 2 in a savepoint of it, and so on. TypeORM keeps it to itself, but every driver has it. */
const depthOf = (runner: QueryRunner): number =>
  (runner as QueryRunner & { transactionDepth?: number }).transactionDepth ?? 1;
