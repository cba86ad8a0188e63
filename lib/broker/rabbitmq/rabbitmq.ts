import type { Logger } from '@nestjs/common';
import type { Telling } from '../../lifecycle/lifecycle.js';
import type { BrokerLinks } from '../link-state.js';
import type { Topology } from './definitions.js';
import { RabbitConnection } from './connection.js';
import { RabbitDeadLetterQueues } from './dead-letters/rabbit-dead-letter-queues.js';
import { GuardedPublisher } from './guarded-publisher.js';
import { deadLetterQueue } from './names.js';
import { RabbitInspection } from './rabbit-inspection.js';
import { RabbitPublisher } from './rabbit-publisher.js';
import { RabbitSubscriber } from './rabbit-subscriber.js';
import { isRefusal } from './refusal.js';
import { RetryDelays } from './retry-delays.js';
import type { TopologyReport } from '../topology-report.js';
import { RabbitTopology, type TopologySettings } from './topology.js';

export interface RabbitMqSettings extends TopologySettings {
  readonly service: string;
  readonly urls: readonly string[];
  /** Milliseconds, as the following. */
  readonly heartbeat: number;
  readonly reconnectDelay: number;
  readonly publishTimeout: number;
  readonly socket?: object | undefined;
  readonly onChannel?: ((channel: object) => void) | undefined;
}

/** How long a start waits for a broker that does not answer, in milliseconds. It then goes on without. */
const START_TIMEOUT = 5_000;

/** Both sides of RabbitMQ for one process: a connection to publish on and one to consume on. */
export class RabbitMq {
  readonly publisher: GuardedPublisher;
  readonly subscriber: RabbitSubscriber;
  readonly deadLetters: RabbitDeadLetterQueues;
  readonly inspection: RabbitInspection;
  private readonly publishing: RabbitConnection;
  private readonly consuming: RabbitConnection;
  private readonly publishers: readonly RabbitPublisher[];
  private readonly publishingTopology: RabbitTopology;
  private readonly consumingTopology: RabbitTopology;

  constructor(
    settings: RabbitMqSettings,
    lifecycle: Telling,
    logger: Pick<Logger, 'log' | 'warn' | 'error'>,
  ) {
    const { service, exchange, reconnectDelay, publishTimeout } = settings;
    const connection = (role: string) =>
      new RabbitConnection({ ...settings, name: `${service} ${role}`, logger });
    this.publishing = connection('publisher');
    const apart = () => operatorConnection(settings);
    this.publishingTopology = new RabbitTopology(this.publishing, settings, apart);
    const publisher = (prepare: () => Promise<void>) =>
      new RabbitPublisher(this.publishing, {
        exchange,
        appId: service,
        prepare,
        reopenDelay: reconnectDelay,
        logger,
      });
    const main = publisher(() => this.publishingTopology.ensurePublishing());
    const isolated = publisher(() => Promise.resolve());
    this.publisher = new GuardedPublisher(main, isolated);
    // On a channel apart: a retry exchange that somebody deleted must not cost the relay its channel.
    const forwarder = publisher(() => Promise.resolve());
    this.publishers = [main, isolated, forwarder];
    this.deadLetters = new RabbitDeadLetterQueues(apart, settings);
    this.inspection = new RabbitInspection(apart, settings.urls);
    this.consuming = connection('consumer');
    this.consumingTopology = new RabbitTopology(this.consuming, settings, apart);
    this.subscriber = new RabbitSubscriber(
      this.consuming,
      forwarder,
      this.consumingTopology,
      new RetryDelays(settings.mode === 'assert', logger),
      { exchange, publishTimeout },
      lifecycle,
      logger,
    );
  }

  get links(): BrokerLinks {
    return { publisher: this.publishing.state, consumer: this.consuming.state };
  }

  /** Connects what is needed, at once. Resolves when the first attempts have ended, well or badly; they go on. */
  async connect({ publishing, consuming }: { publishing: boolean; consuming: boolean }): Promise<void> {
    await Promise.all([
      publishing && this.publishing.firstAttempt(START_TIMEOUT),
      consuming && this.subscriber.connect(START_TIMEOUT),
    ]);
  }

  /**
   * Begins to publish. A broker that is down does not fail the start: the outbox exists for that.
   * @throws {TopologyMismatchError | TopologyMissingError} when the broker is there, but not as it must be
   */
  async startPublishing(): Promise<void> {
    if (this.publishing.connected) await this.ensurePublishing();
    for (const publisher of this.publishers) publisher.start();
  }

  /**
   * Looks at what is there of a topology, on the connection that consumes.
   * @throws {BrokerUnavailableError} when the broker cannot be reached
   */
  async inspect(topology: Topology): Promise<TopologyReport> {
    await this.consuming.firstAttempt(START_TIMEOUT);
    return this.consumingTopology.inspect(topology);
  }

  /** How many messages and consumers a queue has; `undefined` when there is none, or nobody can tell. */
  async lookAt(queue: string): Promise<{ messages: number; consumers: number } | undefined> {
    if (!this.consuming.connected) return undefined;
    return this.consumingTopology.lookAt(queue).catch(() => undefined);
  }

  /** How many messages a queue's dead-letter queue holds; `undefined` when nobody can tell. */
  async countDeadLetters(queue: string): Promise<number | undefined> {
    return (await this.lookAt(deadLetterQueue(queue)))?.messages;
  }

  async close(): Promise<void> {
    await Promise.all([
      this.subscriber.close(),
      this.closePublishing(),
      this.deadLetters.close(),
      this.inspection.close(),
    ]);
  }

  private async closePublishing(): Promise<void> {
    await Promise.all(this.publishers.map((publisher) => publisher.close()));
    await this.publishing.close();
  }

  /** A connection that goes in this moment is an outage like any other. */
  private async ensurePublishing(): Promise<void> {
    await this.publishingTopology.ensurePublishing().catch((error: unknown) => {
      if (isRefusal(error)) throw error;
    });
  }
}

/** Whoever asks is told what is wrong; and short questions should not wait for each other's acknowledgements in TCP. */
const operatorConnection = (settings: RabbitMqSettings) =>
  new RabbitConnection({
    ...settings,
    socket: { noDelay: true, ...settings.socket },
    name: `${settings.service} operator`,
    logger: { log: () => undefined, warn: () => undefined },
  });
