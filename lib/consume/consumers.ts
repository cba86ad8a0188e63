import type { Logger } from '@nestjs/common';
import type { Delivery, EventSubscriber, Subscription, SubscriptionRequest } from '../broker/subscriber.js';
import type { Tracking } from '../event/tracking.js';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { TracingSlot } from '../lifecycle/tracing.js';
import { settledWithin } from '../policy/deadline.js';
import { DeliveryPipeline } from './delivery.js';
import { DeliveryTeller } from './delivery-teller.js';
import { describeFailure } from './failure.js';
import { handlerQueues, type Handler, type HandlerQueue } from './handler.js';
import type { MessageReader } from './payload/message-reader.js';

/** A queue this process consumes, or is to consume. */
export interface ConsumerState {
  readonly queue: string;
  /** `false` while the consumer is lost. */
  readonly consuming: boolean;
}

/** All handlers of a process: starts them, and brings them to an orderly end. */
export class Consumers {
  private readonly subscriptions = new Map<string, Subscription>();
  private readonly running = new Set<Promise<void>>();
  private readonly stopping = new AbortController();
  private cancelled = false;

  constructor(
    private readonly subscriber: EventSubscriber,
    private readonly reader: MessageReader,
    private readonly tracking: Tracking,
    private readonly lifecycle: Telling,
    private readonly tracing: TracingSlot,
    private readonly logger: Pick<Logger, 'log' | 'warn' | 'error'>,
  ) {}

  get states(): readonly ConsumerState[] {
    return Array.from(this.subscriptions, ([queue, { consuming }]) => ({ queue, consuming }));
  }

  /** @throws {TopologyMissingError} naming all that the broker lacks, if it is not for us to declare */
  prepare(handlers: readonly Handler[]): Promise<void> {
    return this.subscriber.prepare(handlerQueues(handlers).map(requestFor));
  }

  /** Resolves when all of them consume, or when the broker cannot be reached; consuming then begins when it can. */
  async start(handlers: readonly Handler[]): Promise<void> {
    const queues = handlerQueues(handlers);
    for (const queue of queues) if (!this.cancelled) await this.subscribe(queue);
    if (queues.length > 0) this.logger.log(`Consuming ${queues.map(({ name }) => name).join(', ')}`);
  }

  /** Nothing new is started from here on. */
  async cancel(): Promise<void> {
    this.cancelled = true;
    await Promise.all([...this.subscriptions.values()].map((subscription) => subscription.cancel()));
  }

  /** Waits up to `timeout` ms for what is running, and gives the rest back. */
  async close(timeout: number): Promise<void> {
    await settledWithin(Promise.all(this.running), timeout);
    this.stopping.abort();
    if (this.running.size > 0) {
      this.logger.warn(
        `${this.running.size} events were still being handled after ${timeout} ms; they will be delivered again.`,
      );
    }
    await Promise.all([...this.subscriptions.values()].map((subscription) => subscription.close()));
  }

  private async subscribe(queue: HandlerQueue): Promise<void> {
    const pipeline = new DeliveryPipeline(
      queue,
      this.subscriber,
      this.reader,
      this.tracking,
      this.stopping.signal,
      new DeliveryTeller(this.lifecycle, queue.name),
      this.tracing,
      this.logger,
    );
    this.subscriptions.set(
      queue.name,
      await this.subscriber.subscribe(requestFor(queue), (delivery) => this.track(pipeline, delivery)),
    );
  }

  private track(pipeline: DeliveryPipeline, delivery: Delivery): void {
    const work: Promise<void> = pipeline
      .process(delivery)
      // A bug of ours, not of the handler: the message stays unsettled and comes back with the channel's end.
      .catch((error: unknown) =>
        this.logger.error(`Event ${delivery.message.id} could not be settled: ${describeFailure(error)}`),
      )
      .finally(() => this.running.delete(work));
    this.running.add(work);
  }
}

function requestFor({ name, handlers }: HandlerQueue): SubscriptionRequest {
  return {
    queue: name,
    patterns: handlers.flatMap(({ patterns }) => patterns),
    prefetch: Math.max(...handlers.map(({ prefetch }) => prefetch)),
    delays: handlers.flatMap(({ retry }) => retry.delays),
  };
}
