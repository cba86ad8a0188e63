import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from '../../broker/subscriber.js';
import { identityOf } from '../event-identity.js';
import type { EventToPark, ParkedEvent, Parking, ParkingStore } from '../../store/parking-store.js';

export interface Failed {
  readonly attempts: number;
  readonly state: EventToPark['state'];
  /** Milliseconds until the next attempt; `undefined` if there is none, or its turn comes with the key's. */
  readonly delay: number | undefined;
  readonly error: string | undefined;
}

/** An event behind one that failed. */
export const BEHIND: Failed = { attempts: 0, state: 'waiting', delay: undefined, error: undefined };

/** Thrown when somebody else has taken over the queue, or we have not noticed yet that we did. */
export class TakenOver extends Error {
  override readonly name = 'TakenOver';
}

/** The right to park events of a queue, from when this process has become its active consumer until another one has. */
export class Seat {
  private readonly keys: Set<string>;

  constructor(
    private readonly queue: string,
    private readonly ticket: string,
    keys: readonly string[],
    private readonly store: ParkingStore,
    private readonly preserve: (message: IncomingMessage) => string,
  ) {
    this.keys = new Set(keys);
  }

  /** Whether events of the key wait: later ones must go behind them. Known without asking, for nobody else parks. */
  isParked(key: string): boolean {
    return this.keys.has(key);
  }

  /** Whether it was not there already. @throws {TakenOver} */
  async park(message: IncomingMessage, key: string, failed: Failed): Promise<boolean> {
    const { type, routingKey, body } = message;
    const preserved = { type, routingKey, properties: this.preserve(message), body };
    const event = { ...failed, id: identityOf(message) || randomUUID(), key, message: preserved };
    const parking: Parking = await this.store.park(this.queue, this.ticket, event);
    if (parking === 'lost') throw new TakenOver(this.queue);
    this.keys.add(key);
    return parking === 'parked';
  }

  /** The first event of the key that waits. Without one the key waits no more. */
  async head(key: string): Promise<ParkedEvent | undefined> {
    const head = await this.store.head(this.queue, key);
    if (!head) this.keys.delete(key);
    return head;
  }

  /** @throws {TakenOver} */
  async postpone(event: ParkedEvent, attempts: number, delay: number, error: string): Promise<void> {
    this.assertOwned(await this.store.postpone(this.queue, this.ticket, event, { attempts, delay, error }));
  }

  /** @throws {TakenOver} */
  async bury(event: ParkedEvent, attempts: number, error: string): Promise<void> {
    this.assertOwned(await this.store.bury(this.queue, this.ticket, event, { attempts, error }));
  }

  /** @throws {TakenOver} */
  async remove(event: ParkedEvent): Promise<void> {
    this.assertOwned(await this.store.remove(this.queue, this.ticket, event));
  }

  private assertOwned(owned: boolean): void {
    if (!owned) throw new TakenOver(this.queue);
  }
}
