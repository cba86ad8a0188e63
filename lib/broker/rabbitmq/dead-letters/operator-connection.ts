import { BrokerUnavailableError } from '../../../errors/broker-unavailable.error.js';
import type { RabbitConnection } from '../connection.js';

/** A connection in use. */
export interface ConnectionLease {
  readonly connection: RabbitConnection;
  release(this: void): void;
}

/** How long a connection that nobody uses stays open, in ms: a page that is looked at every few seconds keeps one. */
const IDLE = 30_000;
const CONNECT_TIMEOUT = 5_000;

/**
 * A connection apart, for those who look after dead letters: it is opened when somebody does, in processes that have no
 * other, and what goes wrong on it costs no relay its channel.
 */
export class OperatorConnection {
  private current: RabbitConnection | undefined;
  private users = 0;
  private idle: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly create: () => RabbitConnection) {}

  /** @throws {BrokerUnavailableError} when the broker cannot be reached */
  async lease(): Promise<ConnectionLease> {
    if (this.closed) throw new BrokerUnavailableError('The outbox has been closed.');
    this.users++;
    clearTimeout(this.idle);
    this.current ??= this.create();
    const connection = this.current;
    let released = false;
    const release = () => {
      if (released) return;
      released = true;
      this.returned();
    };
    try {
      await connected(connection);
    } catch (error) {
      release();
      throw error;
    }
    return { connection, release };
  }

  async use<T>(work: (connection: RabbitConnection) => Promise<T>): Promise<T> {
    const { connection, release } = await this.lease();
    try {
      return await work(connection);
    } finally {
      release();
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.idle);
    await this.current?.close();
  }

  private returned(): void {
    if (--this.users > 0 || this.closed) return;
    // One that does not connect would try for ever.
    this.idle = setTimeout(() => void this.end(), this.current?.connected ? IDLE : 0);
    this.idle.unref();
  }

  private async end(): Promise<void> {
    const { current } = this;
    this.current = undefined;
    await current?.close();
  }
}

async function connected(connection: RabbitConnection): Promise<void> {
  let reason = 'no answer';
  const stop = connection.listen({ disconnected: (error) => void (reason = error.message) });
  await connection.firstAttempt(CONNECT_TIMEOUT);
  stop();
  if (!connection.connected)
    throw new BrokerUnavailableError(`RabbitMQ cannot be reached at ${connection.target}: ${reason}`);
}
