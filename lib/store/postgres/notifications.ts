import { randomUUID } from 'node:crypto';
import type { Listening } from '../store.js';
import type { Connection } from './connection.js';
import { Line } from './line.js';
import type { RelayConnections } from './relay-connections.js';
import { channelOf, listen, notify } from './statements/notify.js';
import type { Tables } from './tables.js';

/** Notifications between the processes of one outbox. */
export class Notifications {
  private readonly line: Line;
  private channel: Promise<string> | undefined;

  constructor(
    private readonly connections: RelayConnections,
    private readonly tables: Tables,
  ) {
    this.line = new Line(connections);
  }

  /** In a transaction of its own, never in a user's: those that notify commit one after the other. */
  async notify(payload = ''): Promise<void> {
    await this.line.use((connection) => connection.run(notify(this.tables, payload)));
  }

  /** Listens on a connection of its own. Rejects if that cannot be opened. */
  async listen(heard: () => void): Promise<PostgresListening> {
    const channel = await this.channelName();
    const connection = await this.connections.connect();
    try {
      const listening = new PostgresListening(connection, channel, heard, (payload) => this.notify(payload));
      await connection.script([listen(channel)]);
      return listening;
    } catch (error) {
      await connection.destroy();
      throw error;
    }
  }

  /** Of the table: it is the same for all processes, whatever they call the table. */
  private channelName(): Promise<string> {
    this.channel ??= this.connections.query<{ channel: string }>(channelOf(this.tables)).then(
      ([row]) => row?.channel ?? '',
      (error: unknown) => {
        this.channel = undefined;
        throw error;
      },
    );
    return this.channel;
  }
}

/** A connection that hears the notifications of one outbox. */
export class PostgresListening implements Listening {
  private readonly tests = new Map<string, () => void>();

  constructor(
    private readonly connection: Connection,
    channel: string,
    heard: () => void,
    private readonly notify: (payload: string) => Promise<void>,
  ) {
    connection.onNotification((name, payload) => {
      if (name !== channel) return;
      const test = this.tests.get(payload);
      if (test) test();
      else if (payload === '') heard();
    });
  }

  onLost(listener: (error: Error) => void): void {
    this.connection.onLost(listener);
  }

  /**
   * Whether it really hears, which is not said: a pooler in transaction mode takes a `LISTEN` and forgets it, and a
   * connection can be dead without knowing.
   */
  async hears(timeout: number): Promise<boolean> {
    const payload = randomUUID();
    let timer: NodeJS.Timeout | undefined;
    const heard = new Promise<boolean>((resolve) => {
      this.tests.set(payload, () => resolve(true));
      timer = setTimeout(resolve, timeout, false);
    });
    try {
      await this.notify(payload);
      return await heard;
    } finally {
      clearTimeout(timer);
      this.tests.delete(payload);
    }
  }

  /** The session ends with it: nobody else is to hear what we asked for. */
  close(): Promise<void> {
    return this.connection.destroy();
  }
}
