import type { Logger } from '@nestjs/common';
import type { EventSubscriber } from '../broker/subscriber.js';
import type { Tracking } from '../event/tracking.js';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { TracingSlot } from '../lifecycle/tracing.js';
import { Seldom } from '../policy/seldom.js';
import type { ParkingStore } from '../store/parking-store.js';
import { Attempts } from './attempts.js';
import { BatchDeliveries } from './batch/batch-deliveries.js';
import { BatchRunner } from './batch/batch-runner.js';
import { Gathering } from './batch/gathering.js';
import { DeliveryPipeline, type Pipeline } from './delivery.js';
import { DeliveryTeller } from './delivery-teller.js';
import type { Drain } from './drain.js';
import { describeFailure } from './failure.js';
import type { BatchSize, Handler, HandlerQueue } from './handler.js';
import { HandlerRunner } from './handler-runner.js';
import type { Inbox } from './inbox.js';
import { OrderedPipeline } from './order/ordered-pipeline.js';
import { ParkedRuns } from './order/parked-runs.js';
import { Seats } from './order/seats.js';
import type { MessageReader } from './payload/message-reader.js';
import { Router } from './router.js';
import { Settler } from './settler.js';

/** Puts together what becomes of the deliveries of a queue. */
export class Pipelines {
  private readonly attempts: Attempts;

  constructor(
    private readonly subscriber: EventSubscriber,
    private readonly reader: MessageReader,
    private readonly tracking: Tracking,
    private readonly inbox: Inbox,
    private readonly parking: ParkingStore,
    private readonly lifecycle: Telling,
    private readonly tracing: TracingSlot,
    private readonly logger: Pick<Logger, 'log' | 'warn' | 'error'>,
  ) {
    this.attempts = new Attempts(tracing);
  }

  /**
   * @param drain tells when nothing more is to begin
   * @param stopping aborts when waiting is over: what is not settled then goes back to its queue
   */
  for(queue: HandlerQueue, drain: Drain, stopping: AbortSignal): Pipeline {
    const teller = new DeliveryTeller(this.lifecycle, queue.commonName);
    const settler = new Settler(queue.name, this.subscriber, stopping, teller, this.logger);
    return queue.ordered
      ? this.ordered(queue, drain, stopping, teller, settler)
      : this.atOnce(queue, drain, teller, settler);
  }

  private atOnce(queue: HandlerQueue, drain: Drain, teller: DeliveryTeller, settler: Settler): Pipeline {
    const runners = queue.handlers.map((handler) =>
      handler.batch
        ? this.gathering(queue, handler, handler.batch, drain, settler)
        : this.runner(queue, handler, drain),
    );
    const router = new Router(queue.consumer, runners);
    return new DeliveryPipeline(this.reader, router, this.attempts, settler, teller);
  }

  private ordered(
    queue: HandlerQueue,
    drain: Drain,
    stopping: AbortSignal,
    teller: DeliveryTeller,
    settler: Settler,
  ): Pipeline {
    const { subscriber, reader, attempts } = this;
    const { name, consumer, onDead } = queue;
    const runners = queue.handlers.map((handler) => this.runner(queue, handler, drain));
    const router = new Router(consumer, runners);
    const failed = this.parkingFailed(name);
    const seats = new Seats(name, this.parking, (message) => subscriber.preserve(message), failed);
    const parked = new ParkedRuns(name, reader, router, attempts, teller, drain, subscriber, onDead);
    return new OrderedPipeline(
      reader,
      router,
      attempts,
      settler,
      teller,
      drain,
      seats,
      parked,
      stopping,
      failed,
    );
  }

  private runner({ consumer }: HandlerQueue, handler: Handler, drain: Drain): HandlerRunner {
    return new HandlerRunner(handler, consumer, this.tracking, handler.inbox && this.inbox, drain);
  }

  private gathering(
    { consumer }: HandlerQueue,
    handler: Handler,
    limits: BatchSize,
    drain: Drain,
    settler: Settler,
  ): Gathering {
    const runner = new BatchRunner(handler, consumer, this.tracking, handler.inbox && this.inbox, drain);
    const deliveries = new BatchDeliveries(runner, settler, this.tracing);
    return new Gathering(handler, limits, drain, (batch) => deliveries.handle(batch));
  }

  private parkingFailed(queue: string): (error: unknown) => void {
    const seldom = new Seldom();
    return (error) =>
      seldom.say('', (alikeSinceLastLine) =>
        this.logger.warn(
          `Events of ${queue} that keep their order have to wait, and are kept: ${describeFailure(error)}`,
          { queue, alikeSinceLastLine },
        ),
      );
  }
}
