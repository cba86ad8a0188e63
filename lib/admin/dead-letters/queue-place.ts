import type { DeadLetterHold, DeadLetterQueues, QueuedDeadLetter } from '../../broker/dead-letters.js';
import type { ParkingStore } from '../../store/parking-store.js';
import { isWhole, meets, type Criteria } from './criteria.js';
import type { DeadLetterReader } from './dead-letter-reader.js';
import type { Place, PlacePage } from './place.js';
import { listQueue } from './queue-list.js';
import { QueuePosition } from './queue-position.js';
import { sweepQueue } from './queue-sweep.js';
import type { Sweep } from './sweep.js';

/** Keys of ordered handlers wait for their dead events. */
export type KeysThatWait = Pick<ParkingStore, 'dead' | 'skipEvents'>;

/** The dead-letter queue of a handler. */
export class QueuePlace implements Place {
  constructor(
    readonly where: string,
    private readonly queues: DeadLetterQueues,
    private readonly parking: KeysThatWait,
    private readonly reader: DeadLetterReader,
  ) {}

  async list(criteria: Criteria, position: string | undefined, limit: number): Promise<PlacePage> {
    const from = QueuePosition.of(position);
    const page = await this.holding(undefined, (hold) =>
      listQueue(hold, from, limit, (letter) => {
        const sealed = this.reader.ofMessage(this.where, letter);
        return meets(criteria, sealed) ? sealed.open() : undefined;
      }),
    );
    return { letters: page?.found ?? [], next: page?.next?.toString() };
  }

  async count(criteria: Criteria, signal?: AbortSignal): Promise<number> {
    const all = (await this.queues.count(this.where)) ?? 0;
    if (isWhole(criteria) || all === 0) return all;
    const count = await this.holding(signal, async (hold) => {
      let [found, looked] = [0, 0];
      while (looked < all && !signal?.aborted) {
        const letters = await hold.next(all - looked);
        if (letters.length === 0) break;
        looked += letters.length;
        found += letters.filter((letter) => this.wants(criteria, letter)).length;
      }
      return found;
    });
    return count ?? 0;
  }

  async sweep(criteria: Criteria, sweep: Sweep): Promise<void> {
    if (sweep.action === 'purge' && isWhole(criteria)) {
      if (!(await this.queues.count(this.where))) return;
      await this.goOn(await this.parking.dead(this.where));
      sweep.done(this.where, [], await this.queues.purge(this.where, sweep.signal));
      return;
    }
    await sweepQueue(
      (work) => this.holding(sweep.signal, work),
      {
        where: this.where,
        oneHome: this.where !== this.queues.unclaimed,
        count: async () => (await this.queues.count(this.where)) ?? 0,
        wants: (letter) => this.wants(criteria, letter),
        giveUp: (letters) => this.goOn(letters.map((letter) => this.reader.identityOf(letter))),
      },
      sweep,
    );
  }

  /**
   * Keys of an ordered handler wait no more for these. Before their dead letters are deleted: a key whose dead letter is gone
   * would wait for ever.
   */
  private async goOn(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.queues.remind(await this.parking.skipEvents(this.where, ids));
  }

  private wants(criteria: Criteria, letter: QueuedDeadLetter): boolean {
    return meets(criteria, this.reader.ofMessage(this.where, letter));
  }

  private async holding<T>(
    signal: AbortSignal | undefined,
    work: (hold: DeadLetterHold) => Promise<T>,
  ): Promise<T | undefined> {
    const hold = await this.queues.hold(this.where, signal);
    if (!hold) return undefined;
    try {
      return await work(hold);
    } finally {
      await hold.release();
    }
  }
}
