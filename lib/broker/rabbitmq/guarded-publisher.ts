import type { OutgoingEvent } from '../../event/envelope.js';
import type { EventPublisher, PublishOutcome } from '../publisher.js';
import type { RabbitPublisher } from './rabbit-publisher.js';

/**
 * RabbitMQ answers some messages by closing the channel, with everything unconfirmed on it. Those that may be such, for
 * they go to an exchange of their own or have failed before, are published on a channel apart: the many others never pay
 * for them.
 */
export class GuardedPublisher implements EventPublisher {
  constructor(
    private readonly main: RabbitPublisher,
    private readonly apart: RabbitPublisher,
  ) {}

  get ready(): boolean {
    return this.main.ready;
  }

  onReadyChange(listener: () => void): () => void {
    return this.main.onReadyChange(listener);
  }

  publish(
    events: readonly OutgoingEvent[],
    timeout: number,
    settled: (index: number, outcome: PublishOutcome) => void,
  ): void {
    if (!events.some(isDoubtful)) return this.main.publish(events, timeout, settled);
    const places = [...events.keys()];
    const publishOn = (publisher: RabbitPublisher, which: readonly number[]) => {
      const chosen = which.map((place) => events[place] as OutgoingEvent);
      publisher.publish(chosen, timeout, (index, outcome) => settled(which[index] as number, outcome));
    };
    const doubtful = places.filter((place) => isDoubtful(events[place] as OutgoingEvent));
    publishOn(
      this.main,
      places.filter((place) => !isDoubtful(events[place] as OutgoingEvent)),
    );
    this.apart.whenReady(timeout, () => publishOn(this.apart, doubtful));
  }
}

const isDoubtful = ({ exchange, hasFailed }: OutgoingEvent): boolean => exchange !== null || hasFailed;
