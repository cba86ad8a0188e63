import { DataSource } from 'typeorm';
import { PostgresConsumerRegistry } from '../../lib/store/postgres/postgres-consumer-registry.js';
import { migrateSchema } from '../../lib/store/postgres/schema.js';
import { tables } from '../../lib/store/postgres/tables.js';
import { createPlayground } from '../support/outbox-app.js';
import { consumerRegistryContract } from './consumer-registry-contract.js';

consumerRegistryContract('PostgreSQL', async () => {
  const playground = await createPlayground();
  const dataSource = await new DataSource({ type: 'postgres', url: playground.databaseUrl }).initialize();
  const names = tables({ schema: playground.name });
  await migrateSchema(dataSource, names);
  return {
    registry: new PostgresConsumerRegistry(dataSource, names),
    clear: async () => void (await playground.sql(`TRUNCATE ${names.consumers}`)),
    age: async (process, ms) => {
      await playground.sql(
        `UPDATE ${names.consumers} SET seen_at = seen_at - $2::float8 * interval '1 millisecond' WHERE process = $1`,
        [process, ms],
      );
    },
    close: async () => {
      await dataSource.destroy();
      await playground.close();
    },
  };
});
