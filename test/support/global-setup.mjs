import { resolvePostgres } from './postgres.mjs';
import { resolveRabbitMq } from './rabbitmq.mjs';

/** jest runs this once, before all test files; workers get the environment. */
export default async function globalSetup() {
  const outcomes = await Promise.allSettled([resolvePostgres(), resolveRabbitMq()]);
  const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  if (failures.length > 0) {
    await Promise.allSettled(started.map((service) => service.close()));
    throw new Error(failures.map((failure) => failure.message).join('\n'), { cause: failures[0] });
  }
  const [postgres, rabbitMq] = started;
  process.env.DATABASE_URL_TEST = postgres.url;
  process.env.RABBITMQ_URL_TEST = rabbitMq.url;
  globalThis.outboxTestServices = started;
  console.log(`\nPostgreSQL ${describe(postgres)}, RabbitMQ ${describe(rabbitMq)}`);
}

function describe({ version, source, url }) {
  return `${version} (${source}, ${new URL(url).host})`;
}
