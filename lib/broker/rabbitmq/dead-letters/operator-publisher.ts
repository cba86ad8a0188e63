import { BrokerUnavailableError } from '../../../errors/broker-unavailable.error.js';
import type { PublishOutcome } from '../../publisher.js';
import { ConfirmingChannel } from '../confirm-channel.js';
import type { RabbitConnection } from '../connection.js';
import type { PublishRequest } from '../publish-frames.js';

/** Publishes what is put back, on a channel of its own, opened when it is first needed and again after it was lost. */
export class OperatorPublisher {
  private channel: ConfirmingChannel | undefined;

  constructor(
    private readonly connection: RabbitConnection,
    /** Milliseconds to wait for the broker's answers. */
    private readonly timeout: number,
  ) {}

  /**
   * Resolves to the outcomes in the order of the requests.
   * @throws {BrokerUnavailableError} while the broker is away, or blocks publishing
   */
  async publish(requests: readonly PublishRequest[]): Promise<PublishOutcome[]> {
    if (this.connection.state === 'blocked')
      throw new BrokerUnavailableError('RabbitMQ has blocked publishing: it is short of memory or disk.');
    const outcomes = new Array<PublishOutcome | undefined>(requests.length);
    for (const part of withoutTwins(requests)) await this.publishPart(requests, part, outcomes);
    return outcomes as PublishOutcome[];
  }

  async close(): Promise<void> {
    await this.channel?.close();
  }

  private async publishPart(
    requests: readonly PublishRequest[],
    indexes: readonly number[],
    outcomes: Array<PublishOutcome | undefined>,
  ): Promise<void> {
    const channel = await this.open();
    await new Promise<void>((resolve) => {
      let waiting = indexes.length;
      const late = setTimeout(() => {
        for (const index of indexes) outcomes[index] ??= unanswered(this.timeout);
        resolve();
      }, this.timeout);
      channel.publish(
        indexes.map((index) => requests[index] as PublishRequest),
        (position, outcome) => {
          outcomes[indexes[position] as number] ??= outcome;
          if (--waiting > 0) return;
          clearTimeout(late);
          resolve();
        },
      );
    });
  }

  private async open(): Promise<ConfirmingChannel> {
    if (this.channel) return this.channel;
    const raw = await this.connection.openConfirmChannel();
    const channel: ConfirmingChannel = new ConfirmingChannel(raw, '', () => {
      if (this.channel === channel) this.channel = undefined;
    });
    this.channel = channel;
    return channel;
  }
}

/**
 * Places of the requests, in parts in which no two have the same id and routing key: returns are told apart by these, and
 * one event can be a dead letter twice.
 */
function withoutTwins(requests: readonly PublishRequest[]): number[][] {
  const seen = new Map<string, number>();
  const parts: number[][] = [];
  for (const [index, { routingKey, properties }] of requests.entries()) {
    const address = `${routingKey}\n${properties.messageId}`;
    const part = seen.get(address) ?? 0;
    seen.set(address, part + 1);
    (parts[part] ??= []).push(index);
  }
  return parts;
}

const unanswered = (timeout: number): PublishOutcome => ({
  kind: 'unknown',
  error: new BrokerUnavailableError(`RabbitMQ did not confirm within ${timeout} ms.`),
});
