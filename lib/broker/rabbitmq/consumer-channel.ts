import type { Channel, ConsumeMessage } from 'amqplib';
import { settledWithin } from '../../policy/deadline.js';
import type { Delivery } from '../subscriber.js';
import { ANSWER_TIMEOUT, closeChannel } from './close-channel.js';
import { fromDelivery } from './incoming.js';

/** A channel that one queue is consumed on, and the deliveries made on it that are not settled yet. */
export class ConsumerChannel {
  /** One signal per delivery: handlers listen to theirs, and their listeners go with it. */
  private readonly unsettled = new Set<AbortController>();
  private consumerTag: string | undefined;
  private retired = false;

  /** Settles when the channel has ended, with why. */
  readonly closed: Promise<string>;

  constructor(private readonly channel: Channel) {
    let reason = 'the channel was closed with the connection';
    channel.on('error', (error: Error) => {
      reason = error.message;
    });
    this.closed = new Promise((resolve) => {
      channel.once('close', () => {
        resolve(reason);
        this.takenBack();
      });
    });
  }

  /** Whether everything that was delivered on it is settled. */
  get idle(): boolean {
    return this.unsettled.size === 0;
  }

  /** `receive` gets `null` when the broker cancels the consumer. Closes the channel if it cannot consume. */
  async consume(
    queue: string,
    prefetch: number,
    receive: (raw: ConsumeMessage | null) => void,
  ): Promise<void> {
    try {
      await this.channel.prefetch(prefetch);
      const { consumerTag } = await this.channel.consume(queue, receive);
      this.consumerTag = consumerTag;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  deliver(raw: ConsumeMessage): Delivery {
    const lost = new AbortController();
    this.unsettled.add(lost);
    return {
      message: fromDelivery(raw),
      lost: lost.signal,
      ack: () => this.settle(lost, () => this.channel.ack(raw)),
      requeue: () => this.settle(lost, () => this.channel.nack(raw, false, true)),
    };
  }

  /** No more deliveries; those made can still be settled. */
  async cancel(): Promise<void> {
    if (this.consumerTag === undefined) return;
    await settledWithin(this.channel.cancel(this.consumerTag), ANSWER_TIMEOUT);
  }

  /** The broker has cancelled the consumer: the channel closes once its last delivery is settled. */
  retire(): void {
    this.retired = true;
    this.closeWhenIdle();
  }

  close(): Promise<void> {
    return closeChannel(this.channel);
  }

  /** A delivery tag means something on its own channel only; when that is gone the broker has the message back. */
  private settle(delivery: AbortController, how: () => void): void {
    if (!this.unsettled.delete(delivery)) return;
    try {
      how();
    } catch {
      // The channel is being closed, and takes the message back with it.
    }
    if (this.retired) this.closeWhenIdle();
  }

  private takenBack(): void {
    const lost = [...this.unsettled];
    this.unsettled.clear();
    for (const delivery of lost) delivery.abort();
  }

  private closeWhenIdle(): void {
    if (this.idle) void this.close();
  }
}
