import type { Delivery } from '../../broker/subscriber.js';
import { patiently } from '../../policy/patience.js';
import { TakenOver, type Seat } from './seat.js';
import type { Seats } from './seats.js';

/** What one delivery does with its key's parked events, while it is its turn: tried until it is done, on the seat of the moment. */
export class Hold {
  constructor(
    private seat: Seat,
    private readonly seats: Seats,
    private readonly delivery: Delivery,
    /** Aborts when waiting is over. */
    private readonly stopping: AbortSignal,
    private readonly failed: (error: unknown) => void,
  ) {}

  isParked(key: string): boolean {
    return this.seat.isParked(key);
  }

  /** `undefined` if the message has been taken back, or the process has to stop. */
  until<T>(work: (seat: Seat) => Promise<T>): Promise<{ readonly value: T } | undefined> {
    return patiently(() => this.once(work), this.over, this.failed);
  }

  /** Rejects if it fails; then the next try may have another seat. */
  async once<T>(work: (seat: Seat) => Promise<T>): Promise<T> {
    const { seat } = this;
    try {
      return await work(seat);
    } catch (error) {
      if (error instanceof TakenOver) await this.renew(seat);
      throw error;
    }
  }

  private get over(): readonly AbortSignal[] {
    return [this.delivery.lost, this.stopping];
  }

  private async renew(stale: Seat): Promise<void> {
    const seat = await this.seats.renew(this.delivery.session, stale, this.over);
    if (seat) this.seat = seat;
  }
}
