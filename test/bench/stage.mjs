import amqp from 'amqplib';
import pg from 'pg';

/**
 * An exchange and a schema for one benchmark, and a quorum queue that gets everything, or else the queues of handlers,
 * which applications declare. `site` is what processes need to know.
 */
export async function createStage({ databaseUrl, rabbitUrl }, name, { handlerQueues = [] } = {}) {
  const stage = `bench_${name}`;
  const connection = await amqp.connect(rabbitUrl);
  const channel = await connection.createChannel();
  await channel.assertExchange(stage, 'topic', { durable: true });
  if (handlerQueues.length === 0) {
    await channel.assertQueue(stage, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
    await channel.bindQueue(stage, stage, '#');
  }
  const database = new pg.Pool({ connectionString: databaseUrl, max: 4 });
  const schemas = new Set();
  const addSchema = async (schema) => {
    schemas.add(schema);
    await database.query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
    await database.query(`CREATE SCHEMA ${schema}`);
    return { databaseUrl, rabbitUrl, exchange: stage, queue: stage, schema };
  };
  return {
    site: await addSchema(stage),
    database,
    /** The same exchange and queue, with another schema. */
    sibling: (suffix) => addSchema(`${stage}_${suffix}`),
    purge: () => channel.purgeQueue(stage),
    count: async () => (await channel.checkQueue(stage)).messageCount,
    /** Dirty pages are written now, and not while something is measured. Only a superuser may ask for it. */
    settle: async () => void (await database.query('CHECKPOINT').catch(() => undefined)),
    close: async () => {
      for (const schema of schemas) await database.query(`DROP SCHEMA ${schema} CASCADE`);
      await database.end();
      for (const queue of [stage, ...handlerQueues]) {
        await channel.deleteQueue(queue);
        await channel.deleteQueue(`${queue}.dlq`);
      }
      await channel.deleteQueue(`${stage}.unclaimed`);
      for (const suffix of ['', '.dlx', '.return', '.unclaimed'])
        await channel.deleteExchange(`${stage}${suffix}`);
      await connection.close();
    },
  };
}
