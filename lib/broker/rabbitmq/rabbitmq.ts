import type { Logger } from '@nestjs/common';
import { RabbitConnection } from './connection.js';
import { RabbitPublisher } from './rabbit-publisher.js';
import { RabbitSubscriber } from './rabbit-subscriber.js';
import { RabbitTopology, type TopologySettings } from './topology.js';

export interface RabbitMqSettings extends TopologySettings {
  readonly service: string;
  readonly urls: readonly string[];
  /** Milliseconds, as the following. */
  readonly heartbeat: number;
  readonly reconnectDelay: number;
  readonly publishTimeout: number;
  readonly socket?: object | undefined;
}

/** How long a start waits for a broker that does not answer, in milliseconds. It then goes on without. */
const START_TIMEOUT = 5_000;

/** Both sides of RabbitMQ for one process: a connection to publish on and one to consume on. */
export class RabbitMq {
  readonly publisher: RabbitPublisher;
  readonly subscriber: RabbitSubscriber;
  private readonly publishing: RabbitConnection;
  private readonly publishingTopology: RabbitTopology;

  constructor(settings: RabbitMqSettings, logger: Pick<Logger, 'log' | 'warn' | 'error'>) {
    const { service, exchange, reconnectDelay, publishTimeout } = settings;
    const connection = (role: string) =>
      new RabbitConnection({ ...settings, name: `${service} ${role}`, logger });
    this.publishing = connection('publisher');
    this.publishingTopology = new RabbitTopology(this.publishing, settings);
    this.publisher = new RabbitPublisher(this.publishing, {
      exchange,
      appId: service,
      prepare: () => this.publishingTopology.ensurePublishing(),
      reopenDelay: reconnectDelay,
      logger,
    });
    const consuming = connection('consumer');
    const topology = new RabbitTopology(consuming, settings);
    this.subscriber = new RabbitSubscriber(
      consuming,
      this.publisher,
      topology,
      { exchange, publishTimeout },
      logger,
    );
  }

  /**
   * Connects for publishing. A broker that is down does not fail the start: the outbox exists for that.
   * @throws {TopologyMismatchError | TopologyMissingError} when the broker is there, but not as it must be
   */
  async startPublishing(): Promise<void> {
    await this.publishing.firstAttempt(START_TIMEOUT);
    if (this.publishing.connected) await this.publishingTopology.ensurePublishing();
    this.publisher.start();
  }

  /** Connects for consuming, as `startPublishing()`. */
  startConsuming(): Promise<void> {
    return this.subscriber.connect(START_TIMEOUT);
  }

  async close(): Promise<void> {
    await this.subscriber.close();
    await this.publisher.close();
    await this.publishing.close();
  }
}
