import type { Logger } from '@nestjs/common';
import { connect, type AmqpConnectionManager } from 'amqp-connection-manager';
import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib';
import type { Duplex } from 'node:stream';
import { BrokerUnavailableError } from '../../errors/broker-unavailable.error.js';
import { settledWithin } from '../../policy/deadline.js';
import type { LinkState } from '../link-state.js';
import { ANSWER_TIMEOUT } from './close-channel.js';

export interface RabbitConnectionSettings {
  readonly urls: readonly string[];
  /** Shown in RabbitMQ's management page. */
  readonly name: string;
  /** Milliseconds. */
  readonly heartbeat: number;
  /** Milliseconds. */
  readonly reconnectDelay: number;
  readonly socket?: object | undefined;
  /** Gets every channel as it is opened, before anything is done on it. */
  readonly onChannel?: ((channel: object) => void) | undefined;
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
  /** Ends the attempts to connect that are being made. */
  private attempts = new AbortController();
  private closed = false;
  private blocked = false;

  constructor(private readonly settings: RabbitConnectionSettings) {
    const blocked = (is: boolean) => () => void (this.blocked = is);
    this.listen({ blocked: blocked(true), unblocked: blocked(false), disconnected: blocked(false) });
  }

  /** Begins to connect. Idempotent. */
  open(): void {
    if (this.manager || this.closed) return;
    const { urls, name, heartbeat, reconnectDelay, socket } = this.settings;
    const options = { timeout: heartbeat, ...socket, clientProperties: { connection_name: name } };
    this.manager = connect(undefined, {
      heartbeatIntervalInSeconds: Math.max(1, Math.round(heartbeat / 1_000)),
      reconnectTimeInSeconds: reconnectDelay / 1_000,
      findServers: () => {
        // A new signal each time round: a socket never lets go of the one that it was given.
        this.attempts = new AbortController();
        const connectionOptions = { ...options, signal: this.attempts.signal };
        return urls.map((url) => ({ url, connectionOptions }));
      },
    });
    this.manager.on('connect', () => {
      const model = this.model();
      model.once('close', () => buryLater(model));
      this.tell((listener) => listener.connected?.());
    });
    this.manager.on('connectFailed', ({ err }) => this.down(err));
    this.manager.on('disconnect', ({ err }) => this.down(err));
    this.manager.on('blocked', ({ reason }) => this.tell((listener) => listener.blocked?.(reason)));
    this.manager.on('unblocked', () => this.tell((listener) => listener.unblocked?.()));
    this.logChanges();
  }

  get connected(): boolean {
    return this.manager?.isConnected() ?? false;
  }

  get state(): LinkState {
    if (!this.manager) return 'unused';
    if (!this.connected) return 'disconnected';
    return this.blocked ? 'blocked' : 'connected';
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
  async openChannel(): Promise<Channel> {
    return this.opened(await this.model().createChannel());
  }

  /** @throws {BrokerUnavailableError} while there is no connection. */
  async openConfirmChannel(): Promise<ConfirmChannel> {
    return this.opened(await this.model().createConfirmChannel());
  }

  /** Cuts the connection, and a new one is made: for a peer that no longer answers, nor would answer a close. */
  reconnect(): void {
    const model = this.manager?.connection;
    if (model && !this.closed) socketOf(model).destroy(new Error('RabbitMQ does not answer'));
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

  /** Says goodbye, but not for long: a peer that does not answer, or a connection still being made, is cut off. */
  async close(): Promise<void> {
    this.closed = true;
    this.listeners.clear();
    await settledWithin(Promise.resolve(this.manager?.close()), ANSWER_TIMEOUT);
    this.attempts.abort();
  }

  private opened<T extends object>(channel: T): T {
    this.settings.onChannel?.(channel);
    return channel;
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

/** amqplib keeps it to itself, but nothing else ends a connection to a peer that has stopped answering. */
const socketOf = ({ connection }: ChannelModel) => (connection as unknown as { stream: Duplex }).stream;

/** A socket whose peer never says goodbye would outlive its connection, and keep the process alive. */
function buryLater(model: ChannelModel): void {
  setTimeout(() => socketOf(model).destroy(), ANSWER_TIMEOUT).unref();
}
