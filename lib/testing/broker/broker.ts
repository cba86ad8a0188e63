import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Connection } from './connection.js';
import { AmqpException } from './errors.js';
import { Queue } from './queue.js';
import { VirtualHost } from './vhost.js';

export interface EmbeddedBrokerOptions {
  /** Default a free one. */
  port?: number;
  /** Default `'127.0.0.1'`: nobody else can reach it. There are no passwords, so think before you open it. */
  host?: string;
  /** Bytes; a larger message closes its channel. Default 128 MiB. */
  maxMessageSize?: number;
  /** Seconds between signs of life, proposed to clients; 0 for none. Default 60. */
  heartbeat?: number;
}

export interface EmbeddedQueue {
  name: string;
  /** Waiting for a consumer. */
  messages: number;
  /** Delivered and not yet acknowledged. */
  unacked: number;
  consumers: number;
  arguments: Record<string, unknown>;
}

export interface EmbeddedExchange {
  name: string;
  type: 'direct' | 'fanout' | 'topic' | 'headers' | 'x-consistent-hash';
  durable: boolean;
  autoDelete: boolean;
  internal: boolean;
  arguments: Record<string, unknown>;
  bindings: {
    destination: string;
    destinationType: 'queue' | 'exchange';
    routingKey: string;
    arguments: Record<string, unknown>;
  }[];
}

/**
 * An AMQP 0-9-1 broker inside this process, for development and tests: it does what RabbitMQ 3.10 does, in memory, and
 * is held to it by a contract suite that runs on both. It has no transactions, streams, policies, permissions, TLS or
 * virtual hosts but `/`.
 */
export interface EmbeddedBroker {
  /** `amqp://127.0.0.1:<port>`. Any user and password are let in. */
  readonly url: string;
  readonly port: number;
  /** Ends every connection, forgets everything and frees the port. Can be called twice. */
  close(): Promise<void>;
  /** Goes down as if restarted: ends every connection, frees the port, keeps durable queues and persistent messages. */
  stop(): Promise<void>;
  /** Comes back after `stop()`, on the same port. */
  start(): Promise<void>;
  /** Ends every connection as an operator would (`CONNECTION_FORCED`) and goes on serving. */
  closeConnections(reason?: string): Promise<void>;
  /** Raises a memory alarm: a connection that publishes is told so and not read from; consumers go on. */
  block(): void;
  /** Ends the alarm; what publishers sent in the meantime is taken. */
  unblock(): void;
  queues(): EmbeddedQueue[];
  exchanges(): EmbeddedExchange[];
  /** Deletes a queue under its consumers, who are told with `basic.cancel`. False when there is none. */
  deleteQueue(name: string): boolean;
}

/** Starts an embedded broker. Rejects when the port is taken. */
export async function startEmbeddedBroker(options: EmbeddedBrokerOptions = {}): Promise<EmbeddedBroker> {
  const broker = new Broker(options);
  await broker.start();
  return broker;
}

class Broker implements EmbeddedBroker {
  port: number;
  readonly #host: string;
  readonly #limits: { maxMessageSize: number; heartbeat: number };
  #vhost = new VirtualHost();
  #server: Server | undefined;
  #isAlarmed = false;
  readonly #connections = new Set<Connection>();

  constructor({
    port = 0,
    host = '127.0.0.1',
    maxMessageSize = 128 * 1024 * 1024,
    heartbeat = 60,
  }: EmbeddedBrokerOptions) {
    this.port = port;
    this.#host = host;
    this.#limits = { maxMessageSize, heartbeat };
  }

  get url(): string {
    return `amqp://${this.#host.includes(':') ? `[${this.#host}]` : this.#host}:${this.port}`;
  }

  async start(): Promise<void> {
    if (this.#server) return;
    const server = createServer((socket) => this.#accept(socket));
    this.#server = server;
    server.listen(this.port, this.#host);
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.#vhost.restore();
  }

  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    // Nothing may move from one connection to the next while all of them end.
    this.#vhost.suspend();
    const freed = new Promise((resolve) => server.close(resolve));
    await this.closeConnections("broker forced connection closure with reason 'shutdown'");
    await freed;
    this.#vhost.loseTransient();
  }

  async close(): Promise<void> {
    await this.stop();
    this.#vhost = new VirtualHost();
  }

  async closeConnections(reason = 'CLOSED_VIA_TESTING_KIT'): Promise<void> {
    const connections = [...this.#connections];
    for (const connection of connections) connection.close(new AmqpException('CONNECTION_FORCED', reason));
    await Promise.all(connections.map((connection) => connection.closed));
  }

  block(): void {
    this.#isAlarmed = true;
  }

  unblock(): void {
    this.#isAlarmed = false;
    for (const connection of this.#connections) connection.unblock();
  }

  queues(): EmbeddedQueue[] {
    return this.#vhost.queues.map(({ name, messages, unacked, consumers, declared }) => ({
      name,
      messages,
      unacked,
      consumers: consumers.count,
      arguments: declared.arguments,
    }));
  }

  exchanges(): EmbeddedExchange[] {
    return this.#vhost.exchanges.map(({ declared, bindings }) => ({
      ...declared,
      bindings: bindings.map(({ destination, routingKey, arguments: args }) => ({
        destination: destination.name,
        destinationType: destination instanceof Queue ? 'queue' : 'exchange',
        routingKey,
        arguments: args,
      })),
    }));
  }

  deleteQueue(name: string): boolean {
    const queue = this.#vhost.findQueue(name);
    if (queue) this.#vhost.deleteQueue(queue);
    return queue !== undefined;
  }

  #accept(socket: Socket): void {
    const connection = new Connection(socket, {
      ...this.#limits,
      vhost: this.#vhost,
      isAlarmed: () => this.#isAlarmed,
    });
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }
}
