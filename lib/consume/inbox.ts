import type { EntityManager, QueryRunner } from 'typeorm';
import type { IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';
import { TransactionSpoiltError } from '../errors/transaction-spoilt.error.js';
import { backoffDelay, type Backoff } from '../policy/backoff.js';
import { sleep } from '../policy/waiting.js';
import type { InboxStore, Standing } from '../store/inbox-store.js';
import type { DatabaseGate } from './database-gate.js';
import type { Slots } from './slots.js';

/** Opens transactions of the application's data source that the code within joins without being handed them. */
export interface Transactions {
  open<T>(isolation: IsolationLevel | undefined, work: (manager: EntityManager) => Promise<T>): Promise<T>;
}

/** Events to be handled in one transaction. */
export interface InboxWork {
  readonly consumer: string;
  /** `''` for a message without one, which cannot be recognised. */
  readonly ids: readonly string[];
  readonly isolation: IsolationLevel | undefined;
  /** Handles those that are new. Resolves to the ids of those that failed while the rest is to be committed. */
  handle(manager: EntityManager, standings: readonly Standing[]): Promise<readonly string[]>;
  /** Nobody waits for it any more: nothing may be committed. */
  readonly abandoned: boolean;
  /** Abort when waiting is over; what has not begun then goes back. */
  readonly over: readonly AbortSignal[];
}

/** Runs that failed through no fault of the handler's are repeated so often before they count as an attempt. */
const RUNS = 4;
const RUN_BACKOFF: Backoff = { delay: 20, factor: 4, maxDelay: 500, jitter: 'full' };
/** Looks after an event that another transaction is handling. */
const BUSY_BACKOFF: Backoff = { delay: 50, factor: 2, maxDelay: 1_000, jitter: 'equal' };

/**
 * Handles events in a transaction that also remembers them, so that their effects in its database happen once: enter →
 * handle → commit, then the caller acks. What dies in between is rolled back, or remembered.
 */
export class Inbox {
  constructor(
    private readonly store: InboxStore,
    private readonly transactions: Transactions,
    /** Transactions at once: they must leave connections of the pool to what handlers do outside of them. */
    private readonly slots: Slots,
    private readonly gate: DatabaseGate,
  ) {}

  /**
   * Resolves to how the events stood, all of them settled in the database when it does; `undefined` if it did not come to
   * that before waiting was over. Rejects with what the handler threw.
   */
  async handle(work: InboxWork): Promise<readonly Standing[] | undefined> {
    for (let [failures, looks] = [0, 0]; !isOver(work);) {
      if (!(await this.gate.pass(work.over))) return undefined;
      const result = await this.attempt(work);
      if (result.kind === 'settled') return result.standings;
      if (result.kind === 'unavailable') this.gate.close(result.error);
      if (result.kind === 'busy') await sleep(backoffDelay(BUSY_BACKOFF, ++looks), work.over);
      if (result.kind !== 'failed') continue;
      if (!result.transient || ++failures === RUNS || work.abandoned) throw result.error;
      await sleep(backoffDelay(RUN_BACKOFF, failures), work.over);
    }
    return undefined;
  }

  private async attempt(work: InboxWork): Promise<Attempt> {
    const [over] = work.over as [AbortSignal];
    if (!(await this.slots.take(over))) return { kind: 'busy' };
    const progress = new Progress();
    try {
      const standings = await this.transactions.open(work.isolation, (manager) =>
        this.inTransaction(work, manager, progress),
      );
      return { kind: 'settled', standings };
    } catch (error) {
      return this.failure(error, progress);
    } finally {
      this.slots.give();
    }
  }

  private async inTransaction(
    work: InboxWork,
    manager: EntityManager,
    progress: Progress,
  ): Promise<readonly Standing[]> {
    const tx = manager.queryRunner as QueryRunner;
    const standings = await this.enter(tx, work);
    // Nothing was written: to be undone all the same, which costs less than to commit it.
    if (!standings.includes('new')) throw new Withdrawn(standings);
    progress.stage = 'handling';
    await this.run(work, tx, () => work.handle(manager, standings), progress);
    progress.stage = 'committing';
    return standings;
  }

  /** Messages without an id are always new. */
  private async enter(tx: QueryRunner, { consumer, ids }: InboxWork): Promise<Standing[]> {
    const known = ids.filter((id) => id !== '');
    const standings = await this.store.enter(tx, consumer, known);
    return ids.map((id) => (id === '' ? 'new' : (standings.shift() as Standing)));
  }

  private async run(
    work: InboxWork,
    tx: QueryRunner,
    handle: () => Promise<readonly string[]>,
    progress: Progress,
  ): Promise<void> {
    try {
      const failed = await handle();
      if (work.abandoned) throw new Withdrawn([]);
      if (await this.store.isSpoilt(tx)) throw new TransactionSpoiltError(work.consumer);
      await this.store.leave(tx, work.consumer, failed);
    } catch (error) {
      progress.lost = !work.abandoned && (await this.store.isLost(tx));
      throw error;
    }
  }

  private failure(error: unknown, { stage, lost }: Progress): Attempt {
    if (error instanceof Withdrawn) return withdrawn(error);
    const verdict = this.store.verdict(error);
    // Nothing of the handler's was involved: it is the database that fails, and no attempt of the event's.
    if (stage === 'beginning' && verdict === 'unavailable') return { kind: 'unavailable', error };
    // Whether a commit took place that was never answered, the next transaction will see.
    const unanswered = stage === 'committing' && verdict === 'unavailable';
    return { kind: 'failed', error, transient: lost || unanswered || verdict === 'transient' };
  }
}

type Attempt =
  | { readonly kind: 'settled'; readonly standings: readonly Standing[] }
  | { readonly kind: 'busy' }
  | { readonly kind: 'unavailable'; readonly error: unknown }
  | { readonly kind: 'failed'; readonly error: unknown; readonly transient: boolean };

/** How far a transaction has come. */
class Progress {
  stage: 'beginning' | 'handling' | 'committing' = 'beginning';
  /** Its connection has gone while the handler ran. */
  lost = false;
}

/** Thrown to have a transaction rolled back in which there is nothing to do. */
class Withdrawn extends Error {
  constructor(readonly standings: readonly Standing[]) {
    super('withdrawn');
  }
}

function withdrawn({ standings }: Withdrawn): Attempt {
  return standings.every((standing) => standing === 'handled')
    ? { kind: 'settled', standings }
    : { kind: 'busy' };
}

const isOver = ({ over }: InboxWork) => over.some(({ aborted }) => aborted);
