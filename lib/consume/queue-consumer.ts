import type { Logger } from '@nestjs/common';
import type { Delivery, EventSubscriber, Subscription, SubscriptionRequest } from '../broker/subscriber.js';
import type { DeliveryPipeline } from './delivery.js';
import { describeFailure } from './failure.js';
import type { Handler, HandlerQueue } from './handler.js';
import type { HandlerRunner } from './handler-runner.js';
import { InFlight } from './in-flight.js';
import { RETRY_DELAY } from './outcome.js';

/** One queue of this process: takes what is delivered, and knows what of it is under way. */
export class QueueConsumer {
  readonly inFlight = new InFlight();
  private subscription: Subscription | undefined;

  constructor(
    readonly queue: HandlerQueue,
    private readonly subscriber: EventSubscriber,
    private readonly pipeline: DeliveryPipeline,
    private readonly runners: readonly HandlerRunner[],
    private readonly logger: Pick<Logger, 'error'>,
  ) {}

  get consuming(): boolean {
    return this.subscription?.consuming ?? false;
  }

  /** Resolves when it consumes, or when the broker cannot be reached; consuming then begins when it can. */
  async start(): Promise<void> {
    const request = requestFor(this.queue);
    this.subscription = await this.subscriber.subscribe(request, (delivery) => void this.handle(delivery));
  }

  /** Nothing new is started from here on. */
  async cancel(): Promise<void> {
    for (const runner of this.runners) runner.close();
    await this.subscription?.cancel();
  }

  /** What is unsettled goes back to its queue. */
  async close(): Promise<void> {
    await this.subscription?.close();
  }

  private async handle(delivery: Delivery): Promise<void> {
    this.inFlight.began();
    try {
      await this.pipeline.process(delivery);
    } catch (error) {
      // A bug of ours, not of the handler: the message stays unsettled and comes back with the channel's end.
      this.logger.error(`Event ${delivery.message.id} could not be settled: ${describeFailure(error)}`);
    } finally {
      this.inFlight.ended();
    }
  }
}

export function requestFor({ name, handlers }: HandlerQueue): SubscriptionRequest {
  const { expiration, exchange, broadcast } = handlers[0] as Handler;
  return {
    queue: name,
    patterns: handlers.flatMap(({ patterns }) => patterns),
    prefetch: Math.max(...handlers.map(({ prefetch }) => prefetch)),
    // A `Retry` needs a way back even where retrying is off.
    delays: [...handlers.flatMap(({ retry }) => retry.delays), RETRY_DELAY],
    expiration,
    exchange,
    broadcast,
  };
}
