import type { ConsumeMessage } from 'amqplib';
import type { Delivery, Subscription, SubscriptionRequest } from '../subscriber.js';
import type { RabbitConnection } from './connection.js';
import { ConsumerChannel } from './consumer-channel.js';

export interface SubscriptionHooks {
  /** Declares what is consumed; runs before every attempt to consume. */
  readonly prepare: () => Promise<void>;
  readonly handle: (delivery: Delivery) => void;
  /** Told once per outage of this consumer. */
  readonly lost: (reason: string) => void;
  readonly recovered: () => void;
}

/** Waits in ms between attempts to consume again. */
const RESUME_DELAY = { first: 100, most: 10_000 };

/**
 * One queue's consumer on a channel of its own. It ends with the connection, when the broker closes the channel, and
 * when the broker cancels it (the queue was deleted, or its node went down); it comes back from all of them.
 */
export class RabbitSubscription implements Subscription {
  private channel: ConsumerChannel | undefined;
  private cancelled = false;
  private starting: Promise<void> | undefined;
  private outage = false;
  private resumeDelay = RESUME_DELAY.first;
  private timer: NodeJS.Timeout | undefined;
  private readonly stopListening: () => void;

  constructor(
    private readonly connection: RabbitConnection,
    private readonly request: SubscriptionRequest,
    private readonly hooks: SubscriptionHooks,
  ) {
    this.stopListening = connection.listen({ connected: () => this.resume(0) });
  }

  /** Begins to consume. Rejects if this attempt fails; further ones go on by themselves unless cancelled. */
  start(): Promise<void> {
    this.starting ??= this.consume().finally(() => {
      this.starting = undefined;
    });
    return this.starting;
  }

  async cancel(): Promise<void> {
    this.cancelled = true;
    clearTimeout(this.timer);
    this.stopListening();
    await this.starting?.catch(() => undefined);
    await this.channel?.cancel();
  }

  async close(): Promise<void> {
    await this.cancel();
    await this.channel?.close();
  }

  private async consume(): Promise<void> {
    if (this.cancelled || this.channel || !this.connection.connected) return;
    await this.hooks.prepare();
    const channel = new ConsumerChannel(await this.connection.openChannel());
    void channel.closed.then((reason) => this.channelEnded(channel, reason));
    await channel.consume(this.request.queue, this.request.prefetch, (raw) => this.receive(channel, raw));
    this.channel = channel;
    this.nowConsuming();
  }

  private receive(channel: ConsumerChannel, raw: ConsumeMessage | null): void {
    if (raw === null) return this.cancelledByBroker(channel);
    const delivery = channel.deliver(raw);
    // Delivered before the broker saw our cancel: it goes back untouched.
    if (this.cancelled) delivery.requeue();
    else this.hooks.handle(delivery);
  }

  private channelEnded(channel: ConsumerChannel, reason: string): void {
    if (this.channel !== channel) return;
    this.channel = undefined;
    this.interrupted(reason);
  }

  /** What is unsettled on the channel can still be settled there; only the consumer is gone. */
  private cancelledByBroker(channel: ConsumerChannel): void {
    channel.retire();
    if (this.channel !== channel) return;
    this.channel = undefined;
    this.interrupted('the broker cancelled the consumer');
  }

  private interrupted(reason: string): void {
    if (this.cancelled) return;
    if (!this.outage) this.hooks.lost(reason);
    this.outage = true;
    if (this.connection.connected) this.resume(this.resumeDelay);
  }

  private resume(delay: number): void {
    if (this.cancelled) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.start().catch((error: Error) => {
        this.resumeDelay = Math.min(RESUME_DELAY.most, this.resumeDelay * 2);
        this.interrupted(error.message);
      });
    }, delay);
  }

  private nowConsuming(): void {
    this.resumeDelay = RESUME_DELAY.first;
    if (this.outage) this.hooks.recovered();
    this.outage = false;
  }
}
