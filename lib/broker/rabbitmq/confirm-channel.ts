import type { ConfirmChannel } from 'amqplib';
import { BrokerUnavailableError } from '../../errors/broker-unavailable.error.js';
import { ChannelLostError } from '../../errors/channel-lost.error.js';
import { PublishRefusedError } from '../../errors/publish-refused.error.js';
import type { PublishOutcome } from '../publisher.js';
import { closeChannel } from './close-channel.js';
import { FrameMemory } from './frame-memory.js';
import type { Publishes, PublishRequest } from './publish-frames.js';
import { writePublishes } from './write-publishes.js';

const CONFIRMED: PublishOutcome = { kind: 'confirmed' };
const RETURNED: PublishOutcome = { kind: 'returned' };

/**
 * One raw confirm channel. The broker sends the `basic.return` of an unroutable message before its ack
 * (https://www.rabbitmq.com/docs/confirms#when-publishes-are-confirmed), so an ack can tell which of the two it is.
 */
export class ConfirmingChannel {
  /** How many of each address were returned and are not confirmed yet. */
  private readonly returned = new Map<string, number>();
  /** Why nothing is answered any more. */
  private lost: ChannelLostError | BrokerUnavailableError | undefined;
  private readonly memory = new FrameMemory();

  /**
   * @param exchange the module's: without it nothing can be published, which is no message's fault
   * @param closed told that the channel is gone, before anybody is told what that means for his message
   */
  constructor(
    private readonly channel: ConfirmChannel,
    exchange: string,
    closed: (error: ChannelLostError | BrokerUnavailableError) => void,
  ) {
    let error: Error | undefined;
    channel.on('error', (reason: Error) => {
      error = reason;
    });
    channel.on('return', ({ fields, properties }) => {
      const to = address(fields.exchange, fields.routingKey, properties.messageId as string);
      this.returned.set(to, (this.returned.get(to) ?? 0) + 1);
    });
    // Before amqplib's own listener, which fails everything unconfirmed: by then we must know it is not a nack.
    channel.prependListener('close', () => {
      this.lost = whyLost(error, exchange);
      closed(this.lost);
    });
  }

  /**
   * Publishes all of them at once; `settled` is called exactly once for each, by its place in the list, unless the
   * broker never answers and the channel stays open.
   */
  publish(requests: Publishes, settled: (index: number, outcome: PublishOutcome) => void): void {
    const answered = (index: number, error: Error | null) => {
      settled(index, error === null ? this.confirmed(requests, index) : this.failed());
    };
    if (!this.lost && writePublishes(this.channel, requests, this.memory, answered)) return;
    for (let index = 0; index < requests.length; index++)
      this.publishOne(requests, index, (outcome) => settled(index, outcome));
  }

  private publishOne(requests: Publishes, index: number, settled: (outcome: PublishOutcome) => void): void {
    if (this.lost) return settled({ kind: 'unknown', error: this.lost });
    const { exchange, routingKey, body, properties } = requests.at(index) as PublishRequest;
    try {
      this.channel.publish(exchange, routingKey, body, properties, (error: Error | null) => {
        settled(error === null ? this.confirmed(requests, index) : this.failed());
      });
    } catch (error) {
      // amqplib refuses to encode it, or the channel closed this instant.
      settled(this.lost ? { kind: 'unknown', error: this.lost } : unsendable(error as Error));
    }
  }

  close(): Promise<void> {
    return closeChannel(this.channel);
  }

  private confirmed(requests: Publishes, index: number): PublishOutcome {
    if (this.returned.size === 0) return CONFIRMED;
    const { exchange, routingKey, properties } = requests.at(index) as PublishRequest;
    const to = address(exchange, routingKey, properties.messageId);
    const count = this.returned.get(to) ?? 0;
    if (count > 1) this.returned.set(to, count - 1);
    else this.returned.delete(to);
    return count > 0 ? RETURNED : CONFIRMED;
  }

  private failed(): PublishOutcome {
    if (this.lost) return { kind: 'unknown', error: this.lost };
    return { kind: 'refused', error: new PublishRefusedError('RabbitMQ refused the message (basic.nack).') };
  }
}

/** One event can be on its way to several queues at once, as a retry of each. */
const address = (...parts: Array<string | undefined>) => parts.join('\n');

function unsendable(cause: Error): PublishOutcome {
  // The connection is closing: not the message's fault.
  if (cause.name === 'IllegalOperationError') {
    return { kind: 'unknown', error: new ChannelLostError(cause.message, false, { cause }) };
  }
  const error = new PublishRefusedError(`The message cannot be sent: ${cause.message}`, { cause });
  return { kind: 'refused', error };
}

function whyLost(
  cause: (Error & { code?: number }) | undefined,
  exchange: string,
): ChannelLostError | BrokerUnavailableError {
  if (!cause) return new ChannelLostError('The channel was closed with the connection.', false);
  const named = exchangeOf(cause);
  if (named === exchange) {
    const message = `Nothing can be published to exchange "${exchange}": ${cause.message}`;
    return new BrokerUnavailableError(message, { cause });
  }
  return new ChannelLostError(`RabbitMQ closed the channel: ${cause.message}`, true, {
    cause,
    exchange: named,
  });
}

/** 404 NOT_FOUND and 403 ACCESS_REFUSED name the exchange in their text, and nowhere else. */
const exchangeOf = ({ code, message }: Error & { code?: number }): string | undefined =>
  code === 404 || code === 403 ? /exchange '(.*?)' in vhost/.exec(message)?.[1] : undefined;
