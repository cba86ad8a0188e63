import { Logger } from '@nestjs/common';
import type { Config } from './config.js';

export interface Server {
  url: string;
  embedded: boolean;
  close(): Promise<void>;
}

/** The database and the broker this process runs on: the given ones, and an embedded one for each that is missing. */
export class Servers {
  private constructor(
    readonly database: Server,
    readonly broker: Server,
  ) {}

  static async start({ databaseUrl, rabbitmqUrl }: Config): Promise<Servers> {
    const database = databaseUrl ? given(databaseUrl) : await embeddedDatabase();
    try {
      return new Servers(database, rabbitmqUrl ? given(rabbitmqUrl) : await embeddedBroker());
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.broker.close();
    await this.database.close();
  }
}

/** Host, port and database or vhost. Never the user or the password. */
export function addressOf(url: string): string {
  const { host, pathname } = new URL(url);
  return pathname === '/' ? host : host + pathname;
}

const logger = new Logger('Servers');

function given(url: string): Server {
  return { url, embedded: false, close: () => Promise.resolve() };
}

// Imported only when needed: a production image carries neither the embedded database nor the test kit.

async function embeddedDatabase(): Promise<Server> {
  const { startEmbeddedPostgres } = await import('nestjs-rabbitmq-outbox/testing');
  const postgres = await startEmbeddedPostgres();
  logger.log(
    'Embedded PostgreSQL, for trying out: its data goes when the shop stops. Set DATABASE_URL for a real one.',
  );
  return { url: postgres.url, embedded: true, close: () => postgres.close() };
}

async function embeddedBroker(): Promise<Server> {
  const { startEmbeddedBroker } = await import('nestjs-rabbitmq-outbox/testing');
  const broker = await startEmbeddedBroker();
  logger.log(
    'In-process broker, for trying out: its messages go when the shop stops. Set RABBITMQ_URL for a real one.',
  );
  return { url: broker.url, embedded: true, close: () => broker.close() };
}
