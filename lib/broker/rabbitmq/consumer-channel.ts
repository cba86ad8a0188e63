import type { Channel, ConsumeMessage } from 'amqplib';
import { settledWithin } from '../../policy/deadline.js';
import { sleep } from '../../policy/waiting.js';
import type { Delivery, DeliverySession, IncomingMessage } from '../subscriber.js';
import { Acks } from './acks.js';
import { ANSWER_TIMEOUT, closeChannel } from './close-channel.js';
import { fromDelivery } from './incoming.js';

/** Times, and ms in between, that we ask for an answer after the last ack of an ordered consumer. */
const ACK_LOOKS = { times: 3, interval: 20 };

/** A channel that one queue is consumed on, and the deliveries made on it that are not settled yet. */
export class ConsumerChannel implements DeliverySession {
  /** By delivery tag. The broker numbers upwards, and a Map keeps that order: the first is the lowest. */
  private readonly unsettled = new Map<number, ChannelDelivery>();
  private readonly acks: Acks<ChannelDelivery>;
  private consumerTag: string | undefined;
  private prefetched = 0;
  /** What is to go back when the broker has stopped to send: at once, it would be sent to us again. */
  private heldBack: Set<ChannelDelivery> | undefined;
  private whenIdle: (() => void) | undefined;

  /** Settles when the channel has ended, with why. */
  readonly closed: Promise<string>;

  constructor(private readonly channel: Channel) {
    this.acks = new Acks(
      () => this.lowestUnsettled(),
      () => this.prefetched,
      // The very message that was delivered: instrumentation of amqplib knows what it began for it by nothing else.
      ({ raw }, multiple) => channel.ack(raw, multiple),
    );
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

  /** Whether everything that was delivered on it is settled, or waits to go back. */
  get idle(): boolean {
    return this.unsettled.size === (this.heldBack?.size ?? 0);
  }

  /** `receive` gets `null` when the broker cancels the consumer. Closes the channel if it cannot consume. */
  async consume(
    queue: string,
    prefetch: number,
    receive: (raw: ConsumeMessage | null) => void,
  ): Promise<void> {
    try {
      this.prefetched = prefetch;
      await this.channel.prefetch(prefetch);
      const { consumerTag } = await this.channel.consume(queue, receive);
      this.consumerTag = consumerTag;
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  deliver(raw: ConsumeMessage): Delivery {
    const delivery = new ChannelDelivery(raw, this);
    this.unsettled.set(delivery.tag, delivery);
    return delivery;
  }

  ack(delivery: ChannelDelivery): void {
    if (!this.settle(delivery)) return;
    this.acks.ack(delivery);
    this.tellIfIdle();
  }

  requeue(delivery: ChannelDelivery): void {
    if (this.heldBack) {
      if (this.unsettled.has(delivery.tag)) this.heldBack.add(delivery);
      this.tellIfIdle();
      return;
    }
    if (!this.settle(delivery)) return;
    try {
      this.channel.nack(delivery.raw, false, true);
    } catch {
      // The channel is being closed, and takes the message back with it.
    }
    this.tellIfIdle();
  }

  /** To be called when `cancel()` is about to be: what goes back waits for it. */
  holdBack(): void {
    this.heldBack ??= new Set();
  }

  /** An answer on the channel: the broker has not given it up. */
  async isAlive(): Promise<boolean> {
    let answered = false;
    const asking = this.channel.prefetch(this.prefetched).then(() => (answered = true));
    await settledWithin(asking, ANSWER_TIMEOUT);
    return answered;
  }

  /**
   * Resolves when the broker has taken note of all acks, as far as can be told: it has read them, and has had time to pass
   * them on to the queue. When all that it may send is in our hands, it must have.
   */
  async acksPassed(): Promise<void> {
    this.acks.flush();
    for (let look = 0; look < ACK_LOOKS.times && this.unsettled.size < this.prefetched; look++) {
      if (!(await this.isAlive())) return;
      await sleep(ACK_LOOKS.interval);
    }
  }

  /** No more deliveries; those made can still be settled. */
  async cancel(): Promise<void> {
    this.holdBack();
    this.acks.flush();
    if (this.consumerTag !== undefined)
      await settledWithin(this.channel.cancel(this.consumerTag), ANSWER_TIMEOUT);
    const heldBack = this.heldBack ?? [];
    this.heldBack = undefined;
    for (const delivery of heldBack) this.requeue(delivery);
  }

  /** There is no consumer any more: `idle` is told, once, when the last delivery is settled. */
  retire(idle: () => void): void {
    this.whenIdle = idle;
    this.tellIfIdle();
  }

  close(): Promise<void> {
    this.acks.flush();
    return closeChannel(this.channel);
  }

  /** Whether it was still to be settled. */
  private settle({ tag }: ChannelDelivery): boolean {
    return this.unsettled.delete(tag);
  }

  private lowestUnsettled(): number {
    for (const tag of this.unsettled.keys()) return tag;
    return Number.POSITIVE_INFINITY;
  }

  /** A delivery tag means something on its own channel only; when that is gone the broker has the message back. */
  private takenBack(): void {
    const lost = [...this.unsettled.values()];
    this.unsettled.clear();
    this.acks.forget();
    for (const delivery of lost) delivery.takenBack();
  }

  private tellIfIdle(): void {
    if (!this.whenIdle || !this.idle) return;
    const tell = this.whenIdle;
    this.whenIdle = undefined;
    tell();
  }
}

/** One message in our hands. What few handlers ask for is made when they do. */
class ChannelDelivery implements Delivery {
  readonly message: IncomingMessage;
  readonly tag: number;
  readonly session: DeliverySession;
  private isLost = false;
  private controller: AbortController | undefined;

  constructor(
    readonly raw: ConsumeMessage,
    private readonly channel: ConsumerChannel,
  ) {
    this.message = fromDelivery(raw);
    this.tag = raw.fields.deliveryTag;
    this.session = channel;
  }

  /** A signal for each delivery: handlers listen to theirs, and their listeners go with it. */
  get lost(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.isLost) this.controller.abort();
    return this.controller.signal;
  }

  takenBack(): void {
    this.isLost = true;
    this.controller?.abort();
  }

  ack(): void {
    this.channel.ack(this);
  }

  requeue(): void {
    this.channel.requeue(this);
  }
}
