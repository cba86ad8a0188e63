import type { DeliverySession, IncomingMessage } from '../../broker/subscriber.js';
import { patiently } from '../../policy/patience.js';
import type { ParkingStore } from '../../store/parking-store.js';
import { Seat } from './seat.js';

/**
 * A process gets its seat with the first delivery of a session: by then it is the active consumer. It takes over in the
 * database, and then asks the broker whether it still is what it thinks: one that was frozen, or is cut off from the
 * broker only, could otherwise take the seat back from the one that has followed it.
 */
export class Seats {
  private readonly bySession = new WeakMap<DeliverySession, Promise<Seat | undefined>>();

  constructor(
    private readonly queue: string,
    private readonly store: ParkingStore,
    private readonly preserve: (message: IncomingMessage) => string,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** `undefined` if a signal aborts first, or the session is over. */
  of(session: DeliverySession, over: readonly AbortSignal[]): Promise<Seat | undefined> {
    return this.bySession.get(session) ?? this.open(session, over);
  }

  /** Somebody else has taken it; if we are the active consumer all the same, it is taken back. */
  renew(session: DeliverySession, stale: Seat, over: readonly AbortSignal[]): Promise<Seat | undefined> {
    const current = this.bySession.get(session);
    return (current ?? Promise.resolve(undefined)).then((seat) =>
      seat && seat !== stale ? seat : this.open(session, over),
    );
  }

  private open(session: DeliverySession, over: readonly AbortSignal[]): Promise<Seat | undefined> {
    const opening = this.takeOver(session, over);
    this.bySession.set(session, opening);
    void opening.then((seat) => {
      // Others may have more patience.
      if (!seat && this.bySession.get(session) === opening) this.bySession.delete(session);
    });
    return opening;
  }

  private async takeOver(session: DeliverySession, over: readonly AbortSignal[]): Promise<Seat | undefined> {
    const { queue, store, preserve } = this;
    const taken = await patiently(() => store.takeOver(queue), over, this.failed);
    if (!taken || !(await session.isAlive())) return undefined;
    return new Seat(queue, taken.value.ticket, taken.value.keys, store, preserve);
  }
}
