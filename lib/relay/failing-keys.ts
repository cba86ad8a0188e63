import type { EventPublisher, PublishOutcome } from '../broker/publisher.js';
import type { OutgoingEvent } from '../event/envelope.js';
import type { Claim } from '../store/store.js';

/** `held`: not published, because an earlier event of its key has just failed. Nobody's fault; the row stays pending. */
export type BatchOutcome = PublishOutcome | { readonly kind: 'held' };

const HELD: BatchOutcome = { kind: 'held' };

/**
 * Keys of which an event has just failed. Once the failure is on record, the store holds back the rest of its key; from
 * the verdict until then, this does.
 */
export class FailingKeys {
  private readonly byClaim = new Map<Claim, Set<string>>();

  add(claim: Claim, key: string | null): void {
    if (key === null) return;
    const keys = this.byClaim.get(claim);
    if (keys) keys.add(key);
    else this.byClaim.set(claim, new Set([key]));
  }

  /** The failures of this claim are on record. */
  recorded(claim: Claim): void {
    this.byClaim.delete(claim);
  }

  hold(key: string | null): boolean {
    if (key === null) return false;
    for (const keys of this.byClaim.values()) if (keys.has(key)) return true;
    return false;
  }

  get none(): boolean {
    return this.byClaim.size === 0;
  }
}

/** Publishes the events whose keys are not held back. */
export async function publishFree(
  publisher: EventPublisher,
  events: readonly OutgoingEvent[],
  failing: FailingKeys,
  timeout: number,
): Promise<BatchOutcome[]> {
  if (failing.none) return publisher.publish(events, timeout);
  const free = events.filter(({ key }) => !failing.hold(key));
  const isFree = new Set(free);
  const outcomes = free.length > 0 ? await publisher.publish(free, timeout) : [];
  return events.map((event) => (isFree.has(event) ? (outcomes.shift() as PublishOutcome) : HELD));
}
