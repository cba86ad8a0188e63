import type { OutgoingEvent } from '../event/envelope.js';

/** What became of one message. */
export type PublishOutcome =
  /** The broker has taken responsibility for it. */
  | { readonly kind: 'confirmed' }
  /** Taken, but no queue is bound for its routing key. */
  | { readonly kind: 'returned' }
  /** The broker refused this message; another may fare better. */
  | { readonly kind: 'refused'; readonly error: Error }
  /** Nobody knows: connection or channel were lost, or the deadline passed, before the broker answered. */
  | { readonly kind: 'unknown'; readonly error: Error };

/** Hands events to a broker. */
export interface EventPublisher {
  /** `false` while disconnected or blocked by the broker: publishing now would only wait. */
  readonly ready: boolean;

  /** Tells when `ready` changes. Returns the function that ends the subscription. */
  onReadyChange(listener: () => void): () => void;

  /**
   * Publishes all events, in order and without waiting in between. `settled` is called exactly once for each, by its
   * place in the list, and never before this has returned. The broker has `timeout` ms to answer, not counting the time
   * in which it blocks us: what was sent is answered when the alarm ends.
   */
  publish(
    events: readonly OutgoingEvent[],
    timeout: number,
    settled: (index: number, outcome: PublishOutcome) => void,
  ): void;
}
