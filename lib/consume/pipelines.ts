import type { Logger } from '@nestjs/common';
import type { EventSubscriber } from '../broker/subscriber.js';
import type { Tracking } from '../event/tracking.js';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { TracingSlot } from '../lifecycle/tracing.js';
import { Seldom } from '../policy/seldom.js';
import type { ParkingStore } from '../store/parking-store.js';
import { Attempts } from './attempts.js';
import { DeliveryPipeline, type Pipeline } from './delivery.js';
import { DeliveryTeller } from './delivery-teller.js';
import type { Drain } from './drain.js';
import { describeFailure } from './failure.js';
import type { HandlerQueue } from './handler.js';
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
    tracing: TracingSlot,
    private readonly logger: Pick<Logger, 'log' | 'warn' | 'error'>,
  ) {
    this.attempts = new Attempts(tracing);
  }

  /**
   * @param drain tells when nothing more is to begin
   * @param stopping aborts when waiting is over: what is not settled then goes back to its queue
   */
  for(queue: HandlerQueue, drain: Drain, stopping: AbortSignal): Pipeline {
    const { subscriber, reader, attempts, logger } = this;
    const teller = new DeliveryTeller(this.lifecycle, queue.commonName);
    const router = new Router(queue.name, this.runners(queue, drain));
    const settler = new Settler(queue.name, subscriber, stopping, teller, logger);
    if (!queue.ordered) return new DeliveryPipeline(reader, router, attempts, settler, teller);
    const { name, onDead } = queue;
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

  private runners({ name, handlers }: HandlerQueue, drain: Drain): HandlerRunner[] {
    const { tracking, inbox } = this;
    return handlers.map(
      (handler) => new HandlerRunner(handler, name, tracking, handler.inbox && inbox, drain),
    );
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
