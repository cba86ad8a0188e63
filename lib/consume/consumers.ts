import type { Logger } from '@nestjs/common';
import type { EventSubscriber } from '../broker/subscriber.js';
import type { Tracking } from '../event/tracking.js';
import type { Telling } from '../lifecycle/lifecycle.js';
import type { TracingSlot } from '../lifecycle/tracing.js';
import { settledWithin } from '../policy/deadline.js';
import { DeliveryPipeline } from './delivery.js';
import { DeliveryTeller } from './delivery-teller.js';
import { handlerQueues, type Handler, type HandlerQueue } from './handler.js';
import { HandlerRunner } from './handler-runner.js';
import type { MessageReader } from './payload/message-reader.js';
import { QueueConsumer, requestFor } from './queue-consumer.js';
import { Router } from './router.js';
import { Settler } from './settler.js';

/** A queue this process consumes, or is to consume. */
export interface ConsumerState {
  readonly queue: string;
  /** `false` while the consumer is lost. */
  readonly consuming: boolean;
}

/** All handlers of a process: starts them, and brings them to an orderly end. */
export class Consumers {
  private readonly consumers: QueueConsumer[] = [];
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
    return this.consumers.map(({ queue, consuming }) => ({ queue: queue.commonName, consuming }));
  }

  /** @throws {TopologyMissingError} naming all that the broker lacks, if it is not for us to declare */
  prepare(handlers: readonly Handler[]): Promise<void> {
    return this.subscriber.prepare(handlerQueues(handlers).map(requestFor));
  }

  /** Resolves when all of them consume, or when the broker cannot be reached; consuming then begins when it can. */
  async start(handlers: readonly Handler[]): Promise<void> {
    const queues = handlerQueues(handlers);
    for (const queue of queues) if (!this.cancelled) await this.consume(queue);
    if (queues.length > 0) this.logger.log(`Consuming ${queues.map(({ name }) => name).join(', ')}`);
  }

  /** Nothing new is started from here on. */
  async cancel(): Promise<void> {
    this.cancelled = true;
    await Promise.all(this.consumers.map((consumer) => consumer.cancel()));
  }

  /** Waits up to `timeout` ms for what is running, and gives the rest back. */
  async close(timeout: number): Promise<void> {
    await settledWithin(Promise.all(this.consumers.map(({ inFlight }) => inFlight.drained())), timeout);
    this.stopping.abort();
    const running = this.consumers.reduce((sum, { inFlight }) => sum + inFlight.size, 0);
    if (running > 0) {
      this.logger.warn(
        `${running} events were still being handled after ${timeout} ms; they will be delivered again.`,
      );
    }
    await Promise.all(this.consumers.map((consumer) => consumer.close()));
  }

  private async consume(queue: HandlerQueue): Promise<void> {
    const consumer = this.consumerOf(queue);
    this.consumers.push(consumer);
    await consumer.start();
  }

  private consumerOf(queue: HandlerQueue): QueueConsumer {
    const { subscriber, reader, tracking, tracing, logger } = this;
    const { name } = queue;
    const teller = new DeliveryTeller(this.lifecycle, queue.commonName);
    const runners = queue.handlers.map((handler) => new HandlerRunner(handler, name, tracking));
    const settler = new Settler(name, subscriber, this.stopping.signal, teller, logger);
    const router = new Router(name, runners);
    const pipeline = new DeliveryPipeline(reader, router, settler, teller, tracing);
    return new QueueConsumer(queue, subscriber, pipeline, runners, logger);
  }
}
