import { setTimeout as sleep } from 'node:timers/promises';
import { settledWithin } from '../../policy/deadline.js';
import { ANSWER_TIMEOUT, closeChannel } from './close-channel.js';
import type { RabbitConnection } from './connection.js';

/** How long acks may take to get from RabbitMQ's side of the channel to the queue, and how often we look; in ms. */
const ARRIVAL = { timeout: 2_000, interval: 10 };

/**
 * Tells when the last acks of a consumer have reached its queue. RabbitMQ's side of a channel keeps acks for a quorum
 * queue back while 32 are on their way to it, and forgets those when the channel closes: their messages would be
 * handled again. A cancelled consumer still counts as one until all it was sent is settled, so the acks have arrived
 * when the queue has a consumer less than before. (Waiting for a fixed time lost: a busy disk takes longer.)
 */
export class AckBarrier {
  private before: number | undefined;

  constructor(
    private readonly connection: RabbitConnection,
    private readonly queue: string,
  ) {}

  /** To be called before the consumer is cancelled. */
  async prepare(): Promise<void> {
    await settledWithin(
      this.count().then((consumers) => (this.before = consumers)),
      ANSWER_TIMEOUT,
    );
  }

  /** Resolves when the acks have arrived, or nobody can tell. */
  async acksArrived(): Promise<void> {
    const { before } = this;
    if (before === undefined) return;
    for (
      const deadline = Date.now() + ARRIVAL.timeout;
      Date.now() < deadline;
      await sleep(ARRIVAL.interval)
    ) {
      const now = await this.count();
      if (now === undefined || now < before) return;
    }
  }

  /** On a channel of its own, which the broker closes if there is no such queue. */
  private async count(): Promise<number | undefined> {
    try {
      const channel = await this.connection.openChannel();
      channel.on('error', () => undefined);
      const { consumerCount } = await channel.checkQueue(this.queue);
      await closeChannel(channel);
      return consumerCount;
    } catch {
      return undefined;
    }
  }
}
