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
  /** The channel we consume on, or are about to. */
  private channel: ConsumerChannel | undefined;
  private active = false;
  private cancelled: Promise<void> | undefined;
  /** What came after we had decided to cancel, until the broker knows, too. */
  private readonly late: Delivery[] = [];
  private starting: Promise<void> | undefined;
  /** Why we do not consume, as last told. */
  private outage: string | undefined;
  private resumeDelay = RESUME_DELAY.first;
  private timer: NodeJS.Timeout | undefined;
  private readonly barrier: AckBarrier;
  private readonly stopListening: () => void;

  constructor(
    private readonly connection: RabbitConnection,
    private readonly request: SubscriptionRequest,
    private readonly hooks: SubscriptionHooks,
  ) {
    this.barrier = new AckBarrier(connection, request.queue);
    this.stopListening = connection.listen({ connected: () => this.resume(0) });
  }

  get consuming(): boolean {
    return this.active && !this.cancelled;
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

  cancel(): Promise<void> {
    this.cancelled ??= this.stop();
    return this.cancelled;
  }

  async close(): Promise<void> {
    await this.cancel();
    if (this.channel?.idle) await this.barrier.acksArrived();
    await this.channel?.close();
  }

  private async stop(): Promise<void> {
    clearTimeout(this.timer);
    this.stopListening();
    await this.starting?.catch(() => undefined);
    if (!this.channel) return;
    await this.barrier.prepare();
    await this.channel?.cancel();
    for (const delivery of this.late) delivery.requeue();
  }

  private attempt(): Promise<void> {
    this.starting ??= this.consume().finally(() => {
      this.starting = undefined;
    });
    return this.starting;
  }

  private async consume(): Promise<void> {
    if (this.cancelled || this.channel || !this.connection.connected) return;
    await this.hooks.prepare();
    const channel = new ConsumerChannel(await this.connection.openChannel());
    // Known before it consumes: the broker can cancel the consumer, or close the channel, in the same breath.
    this.channel = channel;
    void channel.closed.then((reason) => this.ended(channel, reason));
    await channel.consume(this.request.queue, this.request.prefetch, (raw) => this.receive(channel, raw));
    if (this.channel !== channel) throw new Error('the consumer was lost as it began');
    this.nowConsuming();
  }

  private receive(channel: ConsumerChannel, raw: ConsumeMessage | null): void {
    if (raw === null) return this.cancelledByBroker(channel);
    const delivery = channel.deliver(raw);
    // It goes back untouched; not at once, or the broker would send it to us again, until it has seen our cancel.
    if (this.cancelled) this.late.push(delivery);
    else this.hooks.handle(delivery);
  }

  /** What is unsettled on the channel can still be settled there; only the consumer is gone. */
  private cancelledByBroker(channel: ConsumerChannel): void {
    this.ended(channel, 'the broker cancelled the consumer');
    channel.retire();
  }

  private ended(channel: ConsumerChannel, reason: string): void {
    if (this.channel !== channel) return;
    this.channel = undefined;
    // Before it consumed, the attempt itself fails.
    if (this.active) this.interrupted(reason);
    this.active = false;
  }

  private failed(error: unknown): void {
    this.resumeDelay = Math.min(RESUME_DELAY.most, this.resumeDelay * 2);
    this.interrupted((error as Error).message);
  }

  /** Without a connection there is nothing to do: its return resumes. */
  private interrupted(reason: string): void {
    if (this.cancelled) return;
    if (this.outage !== reason) this.hooks.lost(reason);
    this.outage = reason;
    if (this.connection.connected) this.resume(this.resumeDelay);
  }

  private resume(delay: number): void {
    if (this.cancelled) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.attempt().catch((error: unknown) => this.failed(error)), delay);
  }

  private nowConsuming(): void {
    this.active = true;
    this.resumeDelay = RESUME_DELAY.first;
    if (this.outage !== undefined) this.hooks.recovered();
    this.outage = undefined;
  }
}
