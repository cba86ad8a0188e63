import type { Logger } from '@nestjs/common';
import { connect, type AmqpConnectionManager } from 'amqp-connection-manager';
import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib';
import { BrokerUnavailableError } from '../../errors/broker-unavailable.error.js';

export interface RabbitConnectionSettings {
  readonly urls: readonly string[];
  /** Shown in RabbitMQ's management page. */
  readonly name: string;
  /** Milliseconds. */
  readonly heartbeat: number;
  /** Milliseconds. */
  readonly reconnectDelay: number;
  readonly socket?: object | undefined;
  readonly logger: Pick<Logger, 'log' | 'warn'>;
}

export interface ConnectionListener {
  connected?(): void;
  disconnected?(error: Error): void;
  blocked?(reason: string): void;
  unblocked?(): void;
}

/**
 * One connection that comes back by itself. `amqp-connection-manager` connects, reconnects and fails over between
 * URLs; channels are opened raw on what it holds, because its channel wrapper buffers without bound, sends
 * unconfirmed messages again by itself and hides returns.
 */
export class RabbitConnection {
  private manager: AmqpConnectionManager | undefined;
  private readonly listeners = new Set<ConnectionListener>();
  private closed = false;

  constructor(private readonly settings: RabbitConnectionSettings) {}

  /** Begins to connect. Idempotent. */
  open(): void {
    if (this.manager || this.closed) return;
    const { urls, name, heartbeat, reconnectDelay, socket } = this.settings;
    this.manager = connect([...urls], {
      heartbeatIntervalInSeconds: Math.max(1, Math.round(heartbeat / 1_000)),
      reconnectTimeInSeconds: reconnectDelay / 1_000,
      connectionOptions: { timeout: heartbeat, ...socket, clientProperties: { connection_name: name } },
    });
    this.manager.on('connect', () => this.tell((listener) => listener.connected?.()));
    this.manager.on('connectFailed', ({ err }) => this.down(err));
    this.manager.on('disconnect', ({ err }) => this.down(err));
    this.manager.on('blocked', ({ reason }) => this.tell((listener) => listener.blocked?.(reason)));
    this.manager.on('unblocked', () => this.tell((listener) => listener.unblocked?.()));
    this.logChanges();
  }

  get connected(): boolean {
    return this.manager?.isConnected() ?? false;
  }

  /** Where we connect to, without credentials. */
  get target(): string {
    return this.settings.urls.map((url) => new URL(url).host || url).join(', ');
  }

  /** Returns the function that ends the subscription. */
  listen(listener: ConnectionListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** @throws {BrokerUnavailableError} while there is no connection. */
  openChannel(): Promise<Channel> {
    return this.model().createChannel();
  }

  /** @throws {BrokerUnavailableError} while there is no connection. */
  openConfirmChannel(): Promise<ConfirmChannel> {
    return this.model().createConfirmChannel();
  }

  /** Gives the connection up and makes a new one: for a peer that no longer answers. */
  reconnect(): void {
    if (!this.closed) this.manager?.reconnect();
  }

  /** Resolves when the first attempt to connect has ended, well or badly, or after `timeout` ms. */
  async firstAttempt(timeout: number): Promise<void> {
    this.open();
    if (this.connected) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, timeout);
      const stop = this.listen({ connected: done, disconnected: done });
      function done() {
        clearTimeout(timer);
        stop();
        resolve();
      }
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.listeners.clear();
    await this.manager?.close().catch(() => undefined);
  }

  private model(): ChannelModel {
    const model = this.manager?.connection;
    if (!model) throw new BrokerUnavailableError(`No connection to RabbitMQ at ${this.target}.`);
    return model;
  }

  private down(error: Error | undefined): void {
    this.tell((listener) => listener.disconnected?.(error ?? new Error('the connection was closed')));
  }

  /** One line when it goes and one when it comes back, however often connecting fails in between. */
  private logChanges(): void {
    const { logger, name } = this.settings;
    let down = false;
    this.listen({
      connected: () => {
        if (down) logger.log(`RabbitMQ is back: ${name} at ${this.target}.`);
        down = false;
      },
      disconnected: (error) => {
        if (!down)
          logger.warn(
            `RabbitMQ cannot be reached (${name} at ${this.target}): ${error.message}. Connecting goes on.`,
          );
        down = true;
      },
      blocked: (reason) =>
        logger.warn(`RabbitMQ has blocked ${name}: ${reason}. Publishing waits until it is unblocked.`),
      unblocked: () => logger.log(`RabbitMQ has unblocked ${name}.`),
    });
  }

  private tell(what: (listener: ConnectionListener) => void): void {
    for (const listener of [...this.listeners]) what(listener);
  }
}
