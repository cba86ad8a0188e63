import type { Logger } from '@nestjs/common';
import type { Telling } from '../../lifecycle/lifecycle.js';
import type { PublishOutcome } from '../publisher.js';
import { Seldom } from '../../policy/seldom.js';
import {
  commonName,
  type Delivery,
  type EventSubscriber,
  type Failure,
  type IncomingMessage,
  type Subscription,
  type SubscriptionRequest,
} from '../subscriber.js';
import type { PublishRequest } from './publish-frames.js';
import type { RabbitConnection } from './connection.js';
import { ladderDelay } from '../../policy/retry.js';
import { deadLetterCopy, retryCopy, wakeCall, withoutForeignHeaders } from './forward.js';
import { deadLetterQueue } from './names.js';
import type { Origin } from './plan.js';
import { preservedProperties, restored } from './preserved.js';
import type { RabbitPublisher } from './rabbit-publisher.js';
import { RabbitSubscription } from './rabbit-subscription.js';
import { isRefusal } from './refusal.js';
import type { RetryDelays } from './retry-delays.js';
import type { RabbitTopology } from './topology.js';

export interface RabbitSubscriberSettings {
  readonly exchange: string;
  /** Milliseconds to wait for the confirm of a retry or a dead letter. */
  readonly publishTimeout: number;
}

/** Consumes on one connection; retries and dead letters leave on the publishing one, so that an alarm blocks no ack. */
export class RabbitSubscriber implements EventSubscriber {
  private readonly subscriptions = new Set<RabbitSubscription>();
  /** By the names of their queues. */
  private readonly origins = new Map<string, Origin>();
  /** Where retries and dead letters go, as far as we believe it to be there. */
  private readonly declared = new Map<string, Promise<void>>();
  private readonly seldom = new Seldom();

  constructor(
    private readonly connection: RabbitConnection,
    /** For retries and dead letters. */
    private readonly publisher: RabbitPublisher,
    private readonly topology: RabbitTopology,
    private readonly delays: RetryDelays,
    private readonly settings: RabbitSubscriberSettings,
    private readonly lifecycle: Telling,
    private readonly logger: Pick<Logger, 'log' | 'warn'>,
  ) {}

  /** Resolves when the first attempt to connect has ended, well or badly; it goes on by itself. */
  async connect(timeout: number): Promise<void> {
    await this.connection.firstAttempt(timeout);
  }

  /** What goes wrong on the way is no reason to fail: subscribing meets it again, and waits for the broker. */
  async prepare(requests: readonly SubscriptionRequest[]): Promise<void> {
    if (!this.connection.connected) return;
    await this.topology.checkHandlers(requests).catch((error: unknown) => {
      if (isRefusal(error)) throw error;
    });
  }

  async subscribe(request: SubscriptionRequest, handle: (delivery: Delivery) => void): Promise<Subscription> {
    const queue = commonName(request);
    this.origins.set(request.queue, request);
    this.delays.add(request.delays);
    const subscription = new RabbitSubscription(this.connection, request, {
      prepare: () => this.topology.ensureHandler(request),
      handle,
      lost: (reason) => {
        this.logger.warn(`Consumer of ${queue} is interrupted: ${reason}. It resumes by itself.`, {
          queue,
        });
        this.lifecycle.tell('consumer-lost', { queue, reason });
      },
      recovered: () => {
        this.logger.log(`Consumer of ${queue} is consuming again.`, { queue });
        this.lifecycle.tell('consumer-recovered', { queue });
      },
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

  retryLater(message: IncomingMessage, queue: string, delay: number, failure: Failure): Promise<void> {
    const origin = this.originOf(queue);
    const wait = this.delays.possible(delay);
    const request = retryCopy(message, this.settings.exchange, origin, wait, failure);
    const target = request.exchange || request.routingKey;
    return this.forward(request, target, () => this.topology.ensureRetry(origin, wait));
  }

  wakeLater(queue: string, key: string, delay: number): Promise<void> {
    const wait = delay === 0 ? 0 : this.delays.possible(ladderDelay(delay));
    const request = wakeCall(this.settings.exchange, queue, key, wait);
    const declare = () => (wait === 0 ? Promise.resolve() : this.topology.ensureRetry({ queue }, wait));
    return this.forward(request, request.exchange, declare);
  }

  preserve(message: IncomingMessage): string {
    return preservedProperties(message);
  }

  restore(preserved: string, body: Buffer): IncomingMessage {
    return restored(preserved, body);
  }

  deadLetter(message: IncomingMessage, queue: string, failure: Failure): Promise<void> {
    const origin = this.originOf(queue);
    const name = commonName(origin);
    const request = deadLetterCopy(message, this.settings.exchange, origin, failure);
    return this.forward(request, deadLetterQueue(name), () => this.topology.ensureDeadLetters(name));
  }

  async close(): Promise<void> {
    await Promise.all([...this.subscriptions].map((subscription) => subscription.close()));
    await this.connection.close();
  }

  private originOf(queue: string): Origin {
    return this.origins.get(queue) ?? { queue };
  }

  /**
   * Resolves only when the broker has the copy on a queue: until then the original must not be acked. What it goes
   * through is declared once, and again after every failure: somebody may have deleted it. If we are refused (it is
   * there with other arguments, or not for us to declare), the message may get there all the same.
   */
  private async forward(
    request: PublishRequest,
    target: string,
    declare: () => Promise<void>,
  ): Promise<void> {
    const declaring = this.declared.get(target) ?? declare();
    this.declared.set(target, declaring);
    let refusal: unknown;
    try {
      await declaring.catch((error: unknown) => {
        if (!isRefusal(error)) throw error;
        refusal = error;
      });
      await this.send(request);
    } catch (error) {
      if (this.declared.get(target) === declaring) this.declared.delete(target);
      throw refusal ?? error;
    }
  }

  private async send(request: PublishRequest): Promise<void> {
    const outcome = await this.publish(request);
    if (outcome.kind === 'confirmed') return;
    if (outcome.kind === 'returned') throw new Error(`no queue is bound to exchange "${request.exchange}"`);
    // A nack has no cause. With one it never left: a foreign client can send headers that ours cannot.
    if (outcome.kind !== 'refused' || outcome.error.cause === undefined) throw outcome.error;
    const { messageId } = request.properties;
    this.seldom.say('', (alikeSinceLastLine) =>
      this.logger.warn(`Message ${messageId} moves on without its headers: ${outcome.error.message}`, {
        alikeSinceLastLine,
      }),
    );
    const { kind } = await this.publish(withoutForeignHeaders(request));
    if (kind !== 'confirmed') throw outcome.error;
  }

  private async publish(request: PublishRequest): Promise<PublishOutcome> {
    const [outcome] = await this.publisher.send([request], this.settings.publishTimeout);
    return outcome as PublishOutcome;
  }
}
