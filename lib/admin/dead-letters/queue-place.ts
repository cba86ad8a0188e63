import type { DeadLetterHold, DeadLetterQueues, QueuedDeadLetter } from '../../broker/dead-letters.js';
import { isWhole, meets, type Criteria } from './criteria.js';
import type { DeadLetter } from './dead-letter.js';
import type { DeadLetterReader } from './dead-letter-reader.js';
import { ParkedKeys, type KeysThatWait } from './parked-keys.js';
import type { Place, PlacePage } from './place.js';
import { listQueue } from './queue-list.js';
import { QueuePosition } from './queue-position.js';
import { sweepQueue } from './queue-sweep.js';
import type { Sweep } from './sweep.js';

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
    const keys = await this.keysBehind(criteria, sweep);
    await sweepQueue(
      (work) => this.holding(sweep.signal, work),
      {
        where: this.where,
        oneHome: this.where !== this.queues.unclaimed,
        count: () => this.size(),
        wants: (letter) => this.wants(criteria, letter),
        keys,
      },
      sweep,
    );
    await keys.end();
  }

  /** Who purges all there is means what waits for dead letters that are gone already, too. */
  private async keysBehind(criteria: Criteria, { action, signal }: Sweep): Promise<ParkedKeys> {
    const all = action === 'purge' && isWhole(criteria);
    const dead = all ? await this.parking.dead(this.where) : [];
    return new ParkedKeys(this.where, this.queues, this.parking, this.reader, dead, signal);
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
