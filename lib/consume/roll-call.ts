import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from '@nestjs/common';
import { settledWithin } from '../policy/deadline.js';
import {
  ANNOUNCE_INTERVAL,
  type ConsumerAnnouncement,
  type ConsumerNeeds,
  type ConsumerRegistry,
  type RegisteredConsumer,
} from '../store/consumer-registry.js';
import { describeFailure } from './failure.js';
import type { HandlerQueue } from './handler.js';
import type { LeftoversTeller } from './leftovers-teller.js';
import { requestFor } from './queue-consumer.js';

/** After how many words the process looks again for what others have left: after five minutes, when a deployment is over. */
const LOOK_EVERY = 20;

/** How long a shutdown waits for the last word, in milliseconds. */
const LAST_WORD = 2_000;

/**
 * Puts the consumers of this process on record, and says that they live for as long as they do. Nothing depends on it but
 * what operators see: a database that refuses is told of once, and asked again.
 */
export class RollCall {
  private readonly who = { process: randomUUID(), host: `${hostname()}:${process.pid}` };
  private readonly announced: ConsumerAnnouncement[] = [];
  private readonly expected: ConsumerAnnouncement[] = [];
  private timer: NodeJS.Timeout | undefined;
  private speaking: Promise<void> = Promise.resolve();
  private complained = false;
  private stopped = false;
  private spoken = 0;

  constructor(
    private readonly registry: ConsumerRegistry,
    private readonly about: { readonly service: string } & Pick<
      ConsumerNeeds,
      'exchange' | 'topology' | 'queueType' | 'maxRedeliveries' | 'alternateExchange'
    >,
    private readonly leftovers: Pick<LeftoversTeller, 'tell'>,
    private readonly logger: Pick<Logger, 'warn'>,
  ) {}

  /** Tells of all that this process is going to consume, some of it later. */
  expect(queues: readonly HandlerQueue[]): void {
    this.expected.push(...this.announcementsOf(queues));
  }

  /** From now on these, too. Does not wait for the database. */
  add(queues: readonly HandlerQueue[]): void {
    if (queues.length === 0) return;
    this.announced.push(...this.announcementsOf(queues));
    this.speak();
  }

  /** Never rejects. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    if (this.announced.length === 0) return;
    await settledWithin(
      this.speaking.then(() => this.registry.retire(this.who)),
      LAST_WORD,
    );
  }

  private speak(): void {
    clearTimeout(this.timer);
    this.speaking = this.speaking.then(() => this.announce());
  }

  private async announce(): Promise<void> {
    if (this.stopped) return;
    try {
      const others = await this.others();
      await this.registry.announce(this.who, this.announced);
      this.complained = false;
      await this.leftovers.tell([...this.announced, ...this.expected], others);
    } catch (error) {
      this.complain(error);
    }
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => this.speak(), ANNOUNCE_INTERVAL).unref();
  }

  /** Looked at before we speak: that makes the registry forget who has gone before us. */
  private async others(): Promise<RegisteredConsumer[]> {
    if (this.spoken++ % LOOK_EVERY !== 0) return [];
    return (await this.registry.list()).filter(({ process }) => process !== this.who.process);
  }

  private complain(error: unknown): void {
    if (this.complained || this.stopped) return;
    this.complained = true;
    this.logger.warn(
      `The consumers of this process cannot be put on record, and dead letters be found by it: ${describeFailure(error)}`,
    );
  }

  /** The partitions of a queue are one. */
  private announcementsOf(queues: readonly HandlerQueue[]): ConsumerAnnouncement[] {
    const whole = queues.filter(({ partition }) => (partition?.number ?? 1) === 1);
    return whole.map((queue) => this.announcementOf(queue));
  }

  private announcementOf(queue: HandlerQueue): ConsumerAnnouncement {
    const { service, ...broker } = this.about;
    const {
      patterns,
      delays,
      expiration,
      singleActive,
      broadcast,
      exchange = broker.exchange,
    } = requestFor(queue);
    return {
      queue: queue.commonName,
      service,
      handlers: queue.handlers.map(({ name }) => name),
      patterns,
      exchange,
      needs: {
        ...broker,
        delays: [...new Set(delays)],
        expiration: expiration ?? null,
        singleActive: singleActive ?? false,
        partitions: queue.partition?.count ?? null,
        broadcast: broadcast !== undefined,
      },
    };
  }
}
