import { connect } from 'amqplib';
import { randomBytes } from 'node:crypto';
import pg from 'pg';

const QUEUES = ['Invoicing.invoice', 'Notifications.notify', 'Warehouse.pack'];

/** An empty database and names of its own on the test servers, for one test file. */
export interface RealServers {
  /** Environment for the processes of a shop that share them. */
  env: { DATABASE_URL: string; RABBITMQ_URL: string; OUTBOX_SERVICE: string; OUTBOX_EXCHANGE: string };
  queues(): Promise<string[]>;
  remove(): Promise<void>;
}

export async function realServers(): Promise<RealServers> {
  const name = `shop_${randomBytes(4).toString('hex')}`;
  const database = required('DATABASE_URL_TEST');
  const broker = required('RABBITMQ_URL_TEST');
  await query(database, `CREATE DATABASE ${name}`);
  return {
    env: {
      DATABASE_URL: Object.assign(new URL(database), { pathname: `/${name}` }).href,
      RABBITMQ_URL: broker,
      OUTBOX_SERVICE: name,
      OUTBOX_EXCHANGE: `${name}.events`,
    },
    queues: () => existing(broker, expectedQueues(name)),
    remove: async () => {
      await query(database, `DROP DATABASE ${name} WITH (FORCE)`);
      await removeTopology(broker, name);
    },
  };
}

/** The queues of the shop, as the design names them. */
export function expectedQueues(service: string): string[] {
  const own = QUEUES.map((queue) => `${service}.${queue}`);
  const retry = ['1s', '3s'].map((delay) => `${service}.events.retry.${delay}`);
  return [...own, ...own.map((queue) => `${queue}.dlq`), ...retry, `${service}.events.unclaimed`];
}

function required(variable: string): string {
  const value = process.env[variable];
  if (!value)
    throw new Error(`${variable} is not set. The tests' global setup sets it: run them with npm test`);
  return value;
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** A passive declaration of a queue that is not there closes its channel, so each gets one of its own. */
async function existing(url: string, names: string[]): Promise<string[]> {
  const connection = await connect(url);
  const found = await Promise.all(
    names.map(async (name) => {
      const channel = await connection.createChannel();
      channel.on('error', () => {});
      return channel.checkQueue(name).then(
        () => [name],
        () => [],
      );
    }),
  );
  await connection.close();
  return found.flat();
}

async function removeTopology(url: string, service: string): Promise<void> {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  for (const queue of expectedQueues(service)) await channel.deleteQueue(queue);
  const exchange = `${service}.events`;
  for (const suffix of ['', '.dlx', '.return', '.unclaimed', '.retry.1s', '.retry.3s'])
    await channel.deleteExchange(exchange + suffix);
  await connection.close();
}
