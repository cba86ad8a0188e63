import type { Logger } from '@nestjs/common';
import type {
  Delivery,
  EventSubscriber,
  Failure,
  IncomingMessage,
  Subscription,
  SubscriptionRequest,
} from '../subscriber.js';
import type { PublishRequest } from './confirm-channel.js';
import type { RabbitConnection } from './connection.js';
import { deadLetterCopy, retryCopy } from './forward.js';
import type { RabbitPublisher } from './rabbit-publisher.js';
import { RabbitSubscription } from './rabbit-subscription.js';
import type { RabbitTopology } from './topology.js';

export interface RabbitSubscriberSettings {
  readonly exchange: string;
  /** Milliseconds to wait for the confirm of a retry or a dead letter. */
  readonly publishTimeout: number;
}

/** Consumes on one connection; retries and dead letters leave on the publishing one, so that an alarm blocks no ack. */
export class RabbitSubscriber implements EventSubscriber {
  private readonly subscriptions = new Set<RabbitSubscription>();
  private readonly declaredDelays = new Set<number>();

  constructor(
    private readonly connection: RabbitConnection,
    private readonly publisher: RabbitPublisher,
    private readonly topology: RabbitTopology,
    private readonly settings: RabbitSubscriberSettings,
    private readonly logger: Pick<Logger, 'log' | 'warn'>,
  ) {}

  /** Resolves when the first attempt to connect has ended, well or badly; it goes on by itself. */
  async connect(timeout: number): Promise<void> {
    await this.connection.firstAttempt(timeout);
  }

  async subscribe(request: SubscriptionRequest, handle: (delivery: Delivery) => void): Promise<Subscription> {
    const { queue, patterns, delays } = request;
    const subscription = new RabbitSubscription(this.connection, request, {
      prepare: () => this.topology.ensureHandler(queue, patterns, delays),
      handle,
      lost: (reason) =>
        this.logger.warn(`Consumer of ${queue} is interrupted: ${reason}. It resumes by itself.`),
      recovered: () => this.logger.log(`Consumer of ${queue} is consuming again.`),
    });
    this.subscriptions.add(subscription);
    try {
      await subscription.start();
    } catch (error) {
      await subscription.cancel();
      throw error;
    }
    return subscription;
  }

  async retryLater(message: IncomingMessage, queue: string, delay: number): Promise<void> {
    if (!this.declaredDelays.has(delay)) {
      await this.topology.ensureRetry(delay);
      this.declaredDelays.add(delay);
    }
    await this.send(retryCopy(message, this.settings.exchange, queue, delay), () =>
      this.declaredDelays.delete(delay),
    );
  }

  deadLetter(message: IncomingMessage, queue: string, failure: Failure): Promise<void> {
    return this.send(deadLetterCopy(message, this.settings.exchange, queue, failure));
  }

  async close(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.close()));
    await this.connection.close();
  }

  /** Resolves only when the broker has the copy on a queue: until then the original must not be acked. */
  private async send(request: PublishRequest, undo: () => void = () => undefined): Promise<void> {
    const [outcome] = await this.publisher.send([request], this.settings.publishTimeout);
    if (outcome?.kind === 'confirmed') return;
    undo();
    if (outcome?.kind === 'returned') throw new Error(`no queue is bound to exchange "${request.exchange}"`);
    throw outcome?.error ?? new Error('not confirmed');
  }
}
