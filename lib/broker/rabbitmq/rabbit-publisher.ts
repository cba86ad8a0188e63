import type { Logger } from '@nestjs/common';
import { BrokerUnavailableError } from '../../errors/broker-unavailable.error.js';
import { ChannelLostError } from '../../errors/channel-lost.error.js';
import type { OutgoingEvent } from '../../event/envelope.js';
import type { EventPublisher, PublishOutcome } from '../publisher.js';
import { ConfirmingChannel } from './confirm-channel.js';
import type { Publishes, PublishRequest } from './publish-frames.js';
import type { RabbitConnection } from './connection.js';
import { toProperties } from './message.js';

export interface RabbitPublisherSettings {
  readonly exchange: string;
  readonly appId: string;
  /** Declares what is published to; runs whenever a channel is opened. */
  readonly prepare: () => Promise<void>;
  /** Wait in ms before a lost channel is opened again while the connection stands. */
  readonly reopenDelay: number;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Publishes with confirms on one channel of a connection of its own, and opens a new channel whenever it loses one. */
export class RabbitPublisher implements EventPublisher {
  private channel: ConfirmingChannel | undefined;
  private opening = false;
  private blocked = false;
  private unblockedAt = Number.NEGATIVE_INFINITY;
  private closed = false;
  private retry: NodeJS.Timeout | undefined;
  private reported: string | undefined;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly connection: RabbitConnection,
    private readonly settings: RabbitPublisherSettings,
  ) {
    connection.listen({
      connected: () => this.reconnected(),
      disconnected: () => this.setBlocked(false),
      blocked: () => this.setBlocked(true),
      unblocked: () => this.setBlocked(false),
    });
  }

  start(): void {
    this.connection.open();
    if (this.connection.connected) void this.openChannel();
  }

  get ready(): boolean {
    return this.channel !== undefined && !this.blocked;
  }

  onReadyChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Calls `work` when there is a channel to publish on, now as a rule, and after `timeout` ms in any case. */
  whenReady(timeout: number, work: () => void): void {
    if (this.ready) return work();
    const stop = this.onReadyChange(() => this.ready && done());
    const timer = setTimeout(done, timeout);
    function done() {
      clearTimeout(timer);
      stop();
      work();
    }
  }

  publish(
    events: readonly OutgoingEvent[],
    timeout: number,
    settled: (index: number, outcome: PublishOutcome) => void,
  ): void {
    const { exchange, appId } = this.settings;
    // Made one by one as they are written: what lives for a moment only costs the collector nothing.
    const requestAt = (index: number): PublishRequest | undefined => {
      const event = events[index];
      return (
        event && {
          exchange: event.exchange ?? exchange,
          routingKey: event.type,
          body: event.body,
          properties: toProperties(event, appId),
        }
      );
    };
    this.transmit({ length: events.length, at: requestAt }, timeout, settled);
  }

  /** As `publish`, for messages that are not events of the outbox: retries and dead letters. */
  send(requests: readonly PublishRequest[], timeout: number): Promise<PublishOutcome[]> {
    return new Promise((resolve) => {
      const outcomes: PublishOutcome[] = [];
      let open = requests.length;
      if (open === 0) resolve([]);
      this.transmit(requests, timeout, (index, outcome) => {
        outcomes[index] = outcome;
        if (--open === 0) resolve(outcomes);
      });
    });
  }

  private transmit(
    requests: Publishes,
    timeout: number,
    settled: (index: number, outcome: PublishOutcome) => void,
  ): void {
    const { channel } = this;
    const { length } = requests;
    if (length === 0) return;
    if (!channel) {
      const outcome = unavailable(this.connection.target);
      return queueMicrotask(() => {
        for (let index = 0; index < length; index++) settled(index, outcome);
      });
    }
    const isAnswered = new Uint8Array(length);
    let open = length;
    const answer = (index: number, outcome: PublishOutcome) => {
      if (isAnswered[index]) return;
      isAnswered[index] = 1;
      if (--open === 0) clearTimeout(deadline);
      if (outcome.kind === 'confirmed') this.reported = undefined;
      settled(index, outcome);
    };
    const expire = () => {
      const more = this.pardon(timeout);
      if (more > 0) {
        deadline = setTimeout(expire, more);
        return;
      }
      this.connection.reconnect();
      for (let index = 0; index < length; index++) answer(index, unanswered(timeout));
    };
    let deadline = setTimeout(expire, timeout);
    channel.publish(requests, answer);
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.retry);
    this.listeners.clear();
    const channel = this.channel;
    this.channel = undefined;
    await channel?.close();
  }

  /** A channel of an earlier connection is of no use, also if nobody saw it go: it can close in the breath it opens in. */
  private reconnected(): void {
    if (this.channel) {
      this.channel = undefined;
      this.changed();
    }
    void this.openChannel();
  }

  private async openChannel(): Promise<void> {
    if (this.opening || this.channel || this.closed) return;
    this.opening = true;
    try {
      await this.settings.prepare();
      const opened = await this.connection.openConfirmChannel();
      // The last word before the connection went may have been that it is open; nobody would hear it close.
      if (!this.connection.connected) return;
      const channel: ConfirmingChannel = new ConfirmingChannel(opened, this.settings.exchange, (error) =>
        this.channelLost(channel, error),
      );
      this.channel = channel;
      this.changed();
    } catch (error) {
      this.reopenLater(error as Error);
    } finally {
      this.opening = false;
    }
  }

  private channelLost(channel: ConfirmingChannel, error: Error): void {
    if (this.channel !== channel) return;
    this.channel = undefined;
    this.changed();
    if (!(error instanceof ChannelLostError)) this.reopenLater(error);
    else if (error.byBroker) void this.openChannel();
  }

  /** Without a connection there is nothing to do: its return opens a channel. */
  private reopenLater({ message }: Error): void {
    if (this.closed || !this.connection.connected) return;
    if (message !== this.reported)
      this.settings.logger.warn(`No channel to publish on, trying again: ${message}`);
    this.reported = message;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.openChannel(), this.settings.reopenDelay);
  }

  private setBlocked(blocked: boolean): void {
    if (this.blocked === blocked) return;
    this.blocked = blocked;
    if (!blocked) this.unblockedAt = performance.now();
    this.changed();
  }

  /** What is left, in ms, of the time that a broker has to answer once it no longer blocks us. */
  private pardon(timeout: number): number {
    return this.blocked ? timeout : timeout - (performance.now() - this.unblockedAt);
  }

  private changed(): void {
    for (const listener of [...this.listeners]) listener();
  }
}

function unavailable(target: string): PublishOutcome {
  return { kind: 'unknown', error: new BrokerUnavailableError(`No channel to RabbitMQ at ${target}.`) };
}

function unanswered(timeout: number): PublishOutcome {
  return {
    kind: 'unknown',
    error: new BrokerUnavailableError(`RabbitMQ did not confirm within ${timeout} ms.`),
  };
}
