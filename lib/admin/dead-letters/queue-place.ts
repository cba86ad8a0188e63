import type { DeadLetterHold, DeadLetterQueues, QueuedDeadLetter } from '../../broker/dead-letters.js';
import type { ParkingStore } from '../../store/parking-store.js';
import { isWhole, meets, type Criteria } from './criteria.js';
import type { DeadLetter } from './dead-letter.js';
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

  async list(
    criteria: Criteria,
    position: string | undefined,
    limit: number,
    signal?: AbortSignal,
  ): Promise<PlacePage> {
    const from = QueuePosition.of(position);
    const pick = (letter: QueuedDeadLetter) => this.opened(criteria, letter);
    const page = await this.holding(signal, (hold) => listQueue(hold, from, limit, pick, signal));
    return { letters: page?.found ?? [], next: page?.next?.toString() };
  }

  async find(criteria: Criteria, signal?: AbortSignal): Promise<DeadLetter[]> {
    const found: DeadLetter[] = [];
    await this.lookThrough(signal, (letter) => {
      const opened = this.opened(criteria, letter);
      if (opened) found.push(opened);
    });
    return found;
  }

  async size(): Promise<number> {
    return (await this.queues.count(this.where)) ?? 0;
  }

  async count(criteria: Criteria, signal?: AbortSignal): Promise<number> {
    if (isWhole(criteria)) return (await this.holding(signal, () => this.size())) ?? 0;
    let count = 0;
    await this.lookThrough(signal, (letter) => {
      if (this.wants(criteria, letter)) count++;
    });
    return count;
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
        count: () => this.size(),
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

  /** At all that are there as it begins, once: those that come meanwhile are endless. */
  private async lookThrough(
    signal: AbortSignal | undefined,
    visit: (letter: QueuedDeadLetter) => void,
  ): Promise<void> {
    await this.holding(signal, async (hold) => {
      for (let left = await this.size(); left > 0;) {
        signal?.throwIfAborted();
        const letters = await hold.next(left);
        if (letters.length === 0) return;
        letters.forEach(visit);
        left -= letters.length;
      }
    });
  }

  private opened(criteria: Criteria, letter: QueuedDeadLetter): DeadLetter | undefined {
    const sealed = this.reader.ofMessage(this.where, letter);
    return meets(criteria, sealed) ? sealed.open() : undefined;
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
