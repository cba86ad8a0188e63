import { randomBytes } from 'node:crypto';
import amqp from 'amqplib';
import pg from 'pg';

/** A schema, an exchange and a queue of its own for one run, removed at its end. */
export async function createGround({ databaseUrl, rabbitUrl }, scope) {
  const name = `chaos_${randomBytes(4).toString('hex')}`;
  const database = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  database.on('error', () => undefined);
  await database.query(`CREATE SCHEMA ${name}`);
  const connection = await amqp.connect(rabbitUrl);
  connection.on('error', () => undefined);
  const channel = await connection.createChannel();
  const sink = `${name}.sink`;
  await channel.assertExchange(name, 'topic', { durable: true });
  await channel.assertQueue(sink, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.bindQueue(sink, name, 'chaos.event');
  const queues = [sink];
  const exchanges = [name, `${name}.dlx`];
  scope.onEnd(async () => {
    await connection.close().catch(() => undefined);
    await removeTopology(rabbitUrl, { queues, exchanges });
    await database.query(`DROP SCHEMA ${name} CASCADE`);
    await database.end();
  });
  return {
    site: { databaseUrl, rabbitUrl, exchange: name, schema: name },
    database,
    channel,
    sink,
    /** To be deleted at the end, too. */
    remember: (kind, thing) => void (kind === 'queue' ? queues : exchanges).push(thing),
  };
}

/** By a connection of its own: the broker may have been restarted. */
async function removeTopology(rabbitUrl, { queues, exchanges }) {
  const connection = await amqp.connect(rabbitUrl);
  const channel = await connection.createChannel();
  for (const queue of queues) await channel.deleteQueue(queue);
  for (const exchange of exchanges) await channel.deleteExchange(exchange);
  await connection.close();
}
