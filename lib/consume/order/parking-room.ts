import type { Logger } from '@nestjs/common';
import type { EventSubscriber } from '../../broker/subscriber.js';
import type { ParkedKey, ParkingStore } from '../../store/parking-store.js';
import { describeFailure } from '../failure.js';
import type { HandlerQueue } from '../handler.js';
import type { Housekeeping } from '../inbox-room.js';

/** Milliseconds after which a reminder must have got lost, and how many keys are then reminded of at once. */
const LOST = { after: 30_000, keys: 100 };

/** The parking of a process: what belongs to no queue alone. */
export class ParkingRoom {
  private queues: readonly string[] = [];

  constructor(
    private readonly store: ParkingStore,
    private readonly broker: Pick<EventSubscriber, 'wakeLater'>,
    /** Calls `sweep()` again and again. */
    private readonly sweeping: (sweep: () => Promise<void>) => Housekeeping,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  private job: Housekeeping | undefined;

  /** From here on, nothing of these queues waits for longer than it must. */
  open(queues: readonly HandlerQueue[]): void {
    const ordered = queues.filter((queue) => queue.ordered).map(({ name }) => name);
    this.queues = [...this.queues, ...ordered];
    if (this.job || ordered.length === 0) return;
    this.job = this.sweeping(() => this.sweep());
    this.job.start();
  }

  async close(): Promise<void> {
    await this.job?.stop();
  }

  /** What waits on some of the queues, longest first. */
  keys(queues: readonly string[], limit: number): Promise<ParkedKey[]> {
    return this.store.keys(queues, limit);
  }

  /** Gives up on the dead event that a key waits for: those behind it are handled. Whether there was one. */
  async skip(queue: string, key: string): Promise<boolean> {
    const skipped = await this.store.skip(queue, key);
    if (skipped) await this.broker.wakeLater(queue, key, 0);
    return skipped;
  }

  /** Reminders are messages, which somebody may purge. */
  private async sweep(): Promise<void> {
    for (const queue of this.queues) await this.remind(queue);
  }

  private async remind(queue: string): Promise<void> {
    try {
      const keys = await this.store.overdue(queue, LOST.after, LOST.keys);
      for (const key of keys) await this.broker.wakeLater(queue, key, 0);
    } catch (error) {
      this.logger.warn(`Parked events of ${queue} could not be looked for: ${describeFailure(error)}`, {
        queue,
      });
    }
  }
}
