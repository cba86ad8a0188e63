import type { Logger } from '@nestjs/common';
import type { Delivery, EventSubscriber, Subscription, SubscriptionRequest } from '../broker/subscriber.js';
import { possibleDelays } from '../policy/retry.js';
import type { Pipeline } from './delivery.js';
import type { Drain } from './drain.js';
import { describeFailure } from './failure.js';
import type { Handler, HandlerQueue } from './handler.js';
import { InFlight } from './in-flight.js';
import { RETRY_DELAY } from './outcome.js';

/**
 * Why a queue is not consumed although it could be: somebody asked for it, the database of the inbox is away, or another
 * replica should have its turn.
 */
export type PauseReason = 'asked' | 'database' | 'turn';

/** One queue of this process: takes what is delivered, and knows what of it is under way. */
export class QueueConsumer {
  private subscription: Subscription | undefined;
  private readonly reasons = new Set<PauseReason>();
  /** What was delivered since it last began to consume, and before, as long as some of it is under way. */
  private inFlight = new InFlight();
  private readonly earlier = new Set<InFlight>();
  private cancelled = false;
  private hadWork = false;

  constructor(
    readonly queue: HandlerQueue,
    private readonly subscriber: EventSubscriber,
    private readonly pipeline: Pipeline,
    private readonly drain: Drain,
    private readonly logger: Pick<Logger, 'error'>,
  ) {}

  get consuming(): boolean {
    return this.subscription?.consuming ?? false;
  }

  get paused(): boolean {
    return this.reasons.size > 0;
  }

  /** How many of its deliveries are under way. */
  get running(): number {
    return this.all().reduce((sum, { size }) => sum + size, 0);
  }

  /** Resolves when it consumes, or when the broker cannot be reached; consuming then begins when it can. */
  async start(): Promise<void> {
    const request = requestFor(this.queue);
    this.subscription = await this.subscriber.subscribe(request, (delivery) => this.handle(delivery));
    if (this.paused) await this.subscription.pause();
  }

  /** Stops consuming; what has not begun goes back to the queue. Resolves when nothing of it runs any more. */
  async pause(reason: PauseReason): Promise<void> {
    this.reasons.add(reason);
    const { inFlight } = this;
    await this.stopWith((subscription) => subscription.pause());
    await inFlight.drained();
  }

  /** Consumes again, unless there is another reason not to. Whether that reason was one. */
  resume(reason: PauseReason): boolean {
    if (!this.reasons.delete(reason)) return false;
    if (!this.paused) this.goOn();
    return true;
  }

  /** Whether there was something to do since it was last asked. */
  wasBusy(): boolean {
    const busy = this.hadWork || this.running > 0;
    this.hadWork = false;
    return busy;
  }

  /** Lets another replica be the active one, in whose absence it is us again. */
  async giveUpTurn(): Promise<void> {
    try {
      await this.pause('turn');
    } finally {
      if (!this.cancelled) this.resume('turn');
    }
  }

  /** Nothing new is started from here on. */
  cancel(): Promise<void> {
    this.cancelled = true;
    return this.stopWith((subscription) => subscription.cancel());
  }

  async drained(): Promise<void> {
    await Promise.all(this.all().map((inFlight) => inFlight.drained()));
  }

  /** What is unsettled goes back to its queue. */
  async close(): Promise<void> {
    await this.subscription?.close();
  }

  /** From here on nothing begins; only then does what waited go back, or it would be delivered here again. */
  private async stopWith(stop: (subscription: Subscription) => Promise<void>): Promise<void> {
    const stopping = this.subscription && stop(this.subscription);
    this.drain.begin();
    await stopping;
  }

  private goOn(): void {
    const { inFlight } = this;
    this.earlier.add(inFlight);
    void inFlight.drained().then(() => this.earlier.delete(inFlight));
    this.inFlight = new InFlight();
    this.drain.end();
    this.subscription?.resume();
  }

  private all(): InFlight[] {
    return [...this.earlier, this.inFlight];
  }

  private handle(delivery: Delivery): void {
    const { inFlight } = this;
    inFlight.began();
    this.hadWork = true;
    this.pipeline.process(delivery).then(
      () => inFlight.ended(),
      (error: unknown) => {
        // A bug of ours, not of the handler: the message stays unsettled and comes back with the channel's end.
        this.logger.error(`Event ${delivery.message.id} could not be settled: ${describeFailure(error)}`);
        inFlight.ended();
      },
    );
  }
}

export function requestFor({ name, partition, handlers }: HandlerQueue): SubscriptionRequest {
  const { expiration, exchange, broadcast, ordered } = handlers[0] as Handler;
  return {
    queue: name,
    patterns: handlers.flatMap(({ patterns }) => patterns),
    prefetch: Math.max(...handlers.map(({ prefetch }) => prefetch)),
    // A `Retry` needs a way back even where retrying is off.
    delays: [...handlers.flatMap(({ retry }) => possibleDelays(retry)), RETRY_DELAY],
    expiration,
    exchange,
    broadcast,
    partition,
    singleActive: ordered,
  };
}
