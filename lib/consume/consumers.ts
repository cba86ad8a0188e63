import { setMaxListeners } from 'node:events';
import type { Logger } from '@nestjs/common';
import type { EventSubscriber } from '../broker/subscriber.js';
import { settledWithin } from '../policy/deadline.js';
import { Drain } from './drain.js';
import { assertRemembered } from './handler-checks.js';
import { handlerQueues, type Handler, type HandlerQueue } from './handler.js';
import type { InboxRoom } from './inbox-room.js';
import type { ParkingRoom } from './order/parking-room.js';
import type { PartitionTurns } from './order/partition-turns.js';
import type { Pipelines } from './pipelines.js';
import { QueueConsumer, requestFor } from './queue-consumer.js';

/** A queue this process consumes, or is to consume. */
export interface ConsumerState {
  readonly queue: string;
  /** Its handlers, `Class.method`. */
  readonly handlers: readonly string[];
  /** `false` while the consumer is lost or paused. */
  readonly consuming: boolean;
  /** By `pause()`, or because the database of the inbox has been away for long. */
  readonly paused: boolean;
  /** Deliveries under way: running, or waiting for their turn. */
  readonly running: number;
}

/** All handlers of a process: starts them, and brings them to an orderly end. */
export class Consumers {
  private readonly consumers: QueueConsumer[] = [];
  private readonly stopping = new AbortController();
  private cancelled = false;

  constructor(
    private readonly subscriber: EventSubscriber,
    private readonly pipelines: Pipelines,
    private readonly inbox: InboxRoom,
    /** Of the keys of ordered handlers that wait. */
    readonly parking: ParkingRoom,
    private readonly turns: PartitionTurns,
    private readonly logger: Pick<Logger, 'log' | 'warn' | 'error'>,
  ) {
    // As many may listen as deliveries wait.
    setMaxListeners(0, this.stopping.signal);
    inbox.gate.listen({
      closedForLong: () => this.giveBackUntilOpen(),
      opened: () => this.withInbox().forEach((consumer) => consumer.resume('database')),
    });
  }

  /** Of partitions, one for all of them. */
  get states(): readonly ConsumerState[] {
    const names = [...new Set(this.consumers.map(({ queue }) => queue.commonName))];
    return names.map((name) => stateOf(this.consumers.filter(({ queue }) => queue.commonName === name)));
  }

  /** Those of a queue, or of a handler by its name, `Class.method`; all without one. */
  find(name?: string): readonly QueueConsumer[] {
    if (name === undefined) return this.consumers;
    return this.consumers.filter(
      ({ queue }) => queue.commonName === name || queue.handlers.some((handler) => handler.name === name),
    );
  }

  /**
   * @throws {InvalidHandlerError} for a retry that could outlast the memory of the inbox
   * @throws {TopologyMissingError} naming all that the broker lacks, if it is not for us to declare
   */
  async prepare(handlers: readonly Handler[]): Promise<void> {
    for (const handler of handlers) assertRemembered(handler, this.inbox.retention);
    await this.subscriber.prepare(handlerQueues(handlers).map(requestFor));
  }

  /** Resolves when all of them consume, or when the broker cannot be reached; consuming then begins when it can. */
  async start(handlers: readonly Handler[]): Promise<void> {
    const queues = handlerQueues(handlers);
    if (handlers.some(({ inbox }) => inbox)) this.inbox.open();
    this.parking.open(queues);
    for (const queue of queues) if (!this.cancelled) await this.consume(queue);
    if (!this.cancelled) this.turns.open(this.consumers);
    if (queues.length > 0) this.logger.log(`Consuming ${describe(queues)}`);
  }

  /** Nothing new is started from here on. */
  async cancel(): Promise<void> {
    this.cancelled = true;
    this.turns.close();
    await Promise.all(this.consumers.map((consumer) => consumer.cancel()));
  }

  /** Waits up to `timeout` ms for what is running, and gives the rest back. */
  async close(timeout: number): Promise<void> {
    await settledWithin(Promise.all(this.consumers.map((consumer) => consumer.drained())), timeout);
    this.stopping.abort();
    const left = this.consumers.reduce((sum, { running }) => sum + running, 0);
    if (left > 0) {
      this.logger.warn(
        `${left} events were still being handled after ${timeout} ms; they will be delivered again.`,
      );
    }
    await Promise.all([
      this.inbox.close(),
      this.parking.close(),
      ...this.consumers.map((consumer) => consumer.close()),
    ]);
  }

  private async consume(queue: HandlerQueue): Promise<void> {
    const consumer = this.consumerOf(queue);
    this.consumers.push(consumer);
    await consumer.start();
  }

  private consumerOf(queue: HandlerQueue): QueueConsumer {
    const drain = new Drain();
    const pipeline = this.pipelines.for(queue, drain, this.stopping.signal);
    return new QueueConsumer(queue, this.subscriber, pipeline, drain, this.logger);
  }

  private withInbox(): QueueConsumer[] {
    return this.consumers.filter(({ queue }) => queue.handlers.some(({ inbox }) => inbox));
  }

  /** Other processes may reach the database; and RabbitMQ does not like messages to be held for long. */
  private giveBackUntilOpen(): void {
    for (const consumer of this.withInbox()) {
      consumer.pause('database').catch((error: unknown) => this.logger.error(error));
    }
  }
}

function stateOf(consumers: readonly QueueConsumer[]): ConsumerState {
  const { queue } = consumers[0] as QueueConsumer;
  return {
    queue: queue.commonName,
    handlers: queue.handlers.map(({ name }) => name),
    consuming: consumers.every(({ consuming }) => consuming),
    paused: consumers.some(({ paused }) => paused),
    running: consumers.reduce((sum, { running }) => sum + running, 0),
  };
}

function describe(queues: readonly HandlerQueue[]): string {
  const first = queues.filter(({ partition }) => (partition?.number ?? 1) === 1);
  const names = first.map(({ name, partition }) =>
    partition ? `${partition.of} (${partition.count} partitions)` : name,
  );
  return names.join(', ');
}
