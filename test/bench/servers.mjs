import { startPgBouncer } from '../support/pgbouncer.mjs';
import { resolvePostgres } from '../support/postgres.mjs';
import { resolveRabbitMq } from '../support/rabbitmq.mjs';

/**
 * The servers benchmarks run on: those of the environment, or private ones. `durable`: commits are on disk, as in
 * production. `pooler`: the database is reached through a PgBouncer that pools by transaction.
 */
export async function startServers({ durable = true, pooler = false } = {}) {
  const [postgres, rabbit] = await Promise.all([resolvePostgres({ durable }), resolveRabbitMq()]);
  const front = pooler ? await startPgBouncer(postgres.url, { poolSize: 60 }) : postgres;
  return {
    databaseUrl: front.url,
    rabbitUrl: rabbit.url,
    pooler,
    stop: async () => {
      if (pooler) await front.close();
      await Promise.allSettled([postgres.close(), rabbit.close()]);
    },
  };
}
