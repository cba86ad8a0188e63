import { resolvePostgres } from '../support/postgres.mjs';
import { resolveRabbitMq } from '../support/rabbitmq.mjs';

/** The servers benchmarks run on: those of the environment, or private ones; commits are on disk, as in production. */
export async function startServers() {
  const [postgres, rabbit] = await Promise.all([resolvePostgres({ durable: true }), resolveRabbitMq()]);
  return {
    databaseUrl: postgres.url,
    rabbitUrl: rabbit.url,
    stop: async () => {
      await Promise.allSettled([postgres.close(), rabbit.close()]);
    },
  };
}
