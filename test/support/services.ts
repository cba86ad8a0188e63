import { randomBytes } from 'node:crypto';
import { connect } from 'amqplib';
import pg from 'pg';

/** The database that `global-setup.mjs` found or started. */
export function databaseUrl(): string {
  return fromGlobalSetup('DATABASE_URL_TEST');
}

/** The broker that `global-setup.mjs` found or started. */
export function rabbitUrl(): string {
  return fromGlobalSetup('RABBITMQ_URL_TEST');
}

/** Starts the names of a test file's schema, exchanges and queues, such as `t5d0c9a41e2`. */
export function uniquePrefix(): string {
  return `t${randomBytes(5).toString('hex')}`;
}

export interface TestSchema {
  name: string;
  /** {@link databaseUrl} with this schema as `search_path`, for the `pg` client. */
  url: string;
  drop(): Promise<void>;
}

/** An empty schema of its own for a test file. */
export async function createTestSchema(name = uniquePrefix()): Promise<TestSchema> {
  const quoted = pg.escapeIdentifier(name);
  await execute(`CREATE SCHEMA ${quoted}`);
  const url = new URL(databaseUrl());
  url.searchParams.set('options', `-c search_path=${name}`);
  return { name, url: url.href, drop: () => execute(`DROP SCHEMA IF EXISTS ${quoted} CASCADE`) };
}

/** Removes exchanges and queues; those that are not there are no error. */
export async function deleteTopology(
  url: string,
  { exchanges = [], queues = [] }: { exchanges?: string[]; queues?: string[] },
): Promise<void> {
  const connection = await connect(url);
  try {
    const channel = await connection.createChannel();
    for (const queue of queues) await channel.deleteQueue(queue);
    for (const exchange of exchanges) await channel.deleteExchange(exchange);
  } finally {
    await connection.close();
  }
}

async function execute(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl() });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function fromGlobalSetup(variable: string): string {
  const value = process.env[variable];
  if (value) return value;
  throw new Error(
    `${variable} is not set. Run the tests with \`npm test\`: jest's globalSetup finds or starts the servers.`,
  );
}
