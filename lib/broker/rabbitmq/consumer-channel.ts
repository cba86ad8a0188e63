import type { Channel, ConsumeMessage } from 'amqplib';
import type { Delivery } from '../subscriber.js';
import { fromDelivery } from './incoming.js';

/** A channel that one queue is consumed on, and the deliveries made on it that are not settled yet. */
export class ConsumerChannel {
  private readonly lost = new AbortController();
  private consumerTag: string | undefined;
  private unsettled = 0;
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
        this.lost.abort();
        resolve(reason);
      });
    });
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
    this.unsettled++;
    let settled = false;
    /** A delivery tag means something on its own channel only; when that is gone the broker has the message back. */
    const settle = (how: () => void) => {
      if (settled || this.lost.signal.aborted) return;
      settled = true;
      how();
      this.unsettled--;
      if (this.retired) this.closeWhenIdle();
    };
    return {
      message: fromDelivery(raw),
      lost: this.lost.signal,
      ack: () => settle(() => this.channel.ack(raw)),
      requeue: () => settle(() => this.channel.nack(raw, false, true)),
    };
  }

  /** No more deliveries; those made can still be settled. */
  async cancel(): Promise<void> {
    if (this.consumerTag !== undefined) await this.channel.cancel(this.consumerTag).catch(() => undefined);
  }

  /** The broker has cancelled the consumer: the channel closes once its last delivery is settled. */
  retire(): void {
    this.retired = true;
    this.closeWhenIdle();
  }

  async close(): Promise<void> {
    await this.channel.close().catch(() => undefined);
  }

  private closeWhenIdle(): void {
    if (this.unsettled === 0) void this.close();
  }
}
