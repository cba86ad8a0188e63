import type { ConsumeMessage } from 'amqplib';
import type { Delivery, Subscription, SubscriptionRequest } from '../subscriber.js';
import { AckBarrier } from './ack-barrier.js';
import type { RabbitConnection } from './connection.js';
import { ConsumerChannel } from './consumer-channel.js';
import { isRefusal } from './refusal.js';

export interface SubscriptionHooks {
  /** Declares what is consumed; runs before every attempt to consume. */
  readonly prepare: () => Promise<void>;
  readonly handle: (delivery: Delivery) => void;
  /** Told once per outage of this consumer, and again when the reason changes. */
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
  private wanted: 'consuming' | 'paused' | 'cancelled' = 'consuming';
  /** The channel we consume on, or are about to. */
  private channel: ConsumerChannel | undefined;
  private active = false;
  /** Channels that we consume on no more, until what came on them is settled; and what tells that the acks are. */
  private readonly leaving = new Map<ConsumerChannel, () => Promise<void>>();
  private starting: Promise<void> | undefined;
  private stopping: Promise<void> | undefined;
  /** Why we do not consume, as last told. */
  private outage: string | undefined;
  private retryDelay = RESUME_DELAY.first;
  private timer: NodeJS.Timeout | undefined;
  private readonly stopListening: () => void;

  constructor(
    private readonly connection: RabbitConnection,
    private readonly request: SubscriptionRequest,
    private readonly hooks: SubscriptionHooks,
  ) {
    this.stopListening = connection.listen({ connected: () => this.retry(0) });
  }

  get consuming(): boolean {
    return this.active && this.wanted === 'consuming';
  }

  /** Begins to consume, now or as soon as it can. Rejects only if the broker refuses what we ask for. */
  async start(): Promise<void> {
    try {
      await this.attempt();
    } catch (error) {
      if (isRefusal(error)) throw error;
      this.failed(error);
    }
  }

  pause(): Promise<void> {
    if (this.wanted === 'consuming') this.wanted = 'paused';
    return this.stop();
  }

  resume(): void {
    if (this.wanted !== 'paused') return;
    this.wanted = 'consuming';
    this.retry(0);
  }

  cancel(): Promise<void> {
    this.wanted = 'cancelled';
    this.stopListening();
    return this.stop();
  }

  async close(): Promise<void> {
    await this.cancel();
    await Promise.all(Array.from(this.leaving.keys(), (channel) => this.leave(channel)));
  }

  private stop(): Promise<void> {
    this.stopping ??= this.letGo().finally(() => {
      this.stopping = undefined;
      // Somebody has thought better of it meanwhile.
      if (this.wanted === 'consuming') this.retry(0);
    });
    return this.stopping;
  }

  private async letGo(): Promise<void> {
    clearTimeout(this.timer);
    this.channel?.holdBack();
    await this.starting?.catch(() => undefined);
    const { channel } = this;
    if (!channel) return;
    channel.holdBack();
    const acksArrived = this.request.singleActive
      ? () => channel.acksPassed()
      : await this.cancelConsumer(channel);
    this.active = false;
    // It may have gone meanwhile.
    if (this.channel !== channel) return;
    this.channel = undefined;
    this.leaving.set(channel, acksArrived);
    if (this.wanted === 'paused') channel.retire(() => void this.leave(channel));
  }

  /**
   * Not where one consumer is active at a time: the next would begin with what is on the queue, ahead of what we have not
   * settled yet. There the end of the channel gives all of it back, in order, and only then makes way for the next.
   */
  private async cancelConsumer(channel: ConsumerChannel): Promise<() => Promise<void>> {
    const barrier = new AckBarrier(this.connection, this.request.queue);
    await barrier.prepare();
    await channel.cancel();
    return () => barrier.acksArrived();
  }

  /** What is unsettled on it goes back; of the rest, the acks must have arrived first. */
  private async leave(channel: ConsumerChannel): Promise<void> {
    if (channel.idle) await this.leaving.get(channel)?.();
    await channel.close();
    this.leaving.delete(channel);
  }

  private attempt(): Promise<void> {
    this.starting ??= this.consume().finally(() => {
      this.starting = undefined;
    });
    return this.starting;
  }

  private async consume(): Promise<void> {
    if (this.wanted !== 'consuming' || this.channel || !this.connection.connected) return;
    await this.hooks.prepare();
    const channel = new ConsumerChannel(await this.connection.openChannel());
    // Known before it consumes: the broker can cancel the consumer, or close the channel, in the same breath.
    this.channel = channel;
    void channel.closed.then((reason) => this.ended(channel, reason));
    try {
      await channel.consume(this.request.queue, this.request.prefetch, (raw) => this.receive(channel, raw));
    } catch (error) {
      // It may have closed before we listened, and will then not tell.
      this.ended(channel, (error as Error).message);
      throw error;
    }
    if (this.channel !== channel) throw new Error('the consumer was lost as it began');
    this.nowConsuming();
  }

  private receive(channel: ConsumerChannel, raw: ConsumeMessage | null): void {
    if (raw === null) return this.cancelledByBroker(channel);
    const delivery = channel.deliver(raw);
    if (this.wanted === 'consuming' && !this.stopping) return this.hooks.handle(delivery);
    // The broker has not seen our cancel yet. It goes back untouched.
    channel.holdBack();
    delivery.requeue();
  }

  /** What is unsettled on the channel can still be settled there; only the consumer is gone. */
  private cancelledByBroker(channel: ConsumerChannel): void {
    this.ended(channel, 'the broker cancelled the consumer');
    channel.retire(() => void channel.close());
  }

  private ended(channel: ConsumerChannel, reason: string): void {
    if (this.channel !== channel) return;
    this.channel = undefined;
    // Before it consumed, the attempt itself fails.
    if (this.active) this.interrupted(reason);
    this.active = false;
  }

  private failed(error: unknown): void {
    this.retryDelay = Math.min(RESUME_DELAY.most, this.retryDelay * 2);
    this.interrupted((error as Error).message);
  }

  /** Without a connection there is nothing to do: its return resumes. */
  private interrupted(reason: string): void {
    if (this.wanted !== 'consuming') return;
    if (this.outage !== reason) this.hooks.lost(reason);
    this.outage = reason;
    if (this.connection.connected) this.retry(this.retryDelay);
  }

  private retry(delay: number): void {
    if (this.wanted !== 'consuming') return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.attempt().catch((error: unknown) => this.failed(error)), delay);
  }

  private nowConsuming(): void {
    this.active = true;
    this.retryDelay = RESUME_DELAY.first;
    if (this.outage !== undefined) this.hooks.recovered();
    this.outage = undefined;
  }
}
