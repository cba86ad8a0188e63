import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { PostgresDeadEvents } from '../../lib/store/postgres/postgres-dead-events.js';
import { migrateSchema } from '../../lib/store/postgres/schema.js';
import { tables } from '../../lib/store/postgres/tables.js';
import { createPlayground } from '../support/outbox-app.js';
import { deadEventsContract, type DeadEventsFixture } from './dead-events-contract.js';

deadEventsContract('PostgreSQL', async (): Promise<DeadEventsFixture> => {
  const playground = await createPlayground();
  const dataSource = await new DataSource({ type: 'postgres', url: playground.databaseUrl }).initialize();
  const names = tables({ schema: playground.name });
  await migrateSchema(dataSource, names);
  const { outbox, relays } = names;
  let aged = '0';
  return {
    deadEvents: new PostgresDeadEvents(dataSource, names),
    insert: async (events) => {
      const ids: string[] = [];
      for (const { type, key, state = 'dead', errors, headers } of events) {
        const history = errors?.map(({ at, error }, index) => ({ attempt: index + 1, at, error }));
        const id = randomUUID();
        await playground.sql(
          `INSERT INTO ${outbox} (id, lane, type, key, state, payload, content_type, headers, attempts, last_error, errors)
           VALUES ($1, 0, $2, $3, $4, $5, 'application/json', $6, $7, $8, $9)`,
          [
            ...[
              id,
              type,
              key,
              state,
              Buffer.from(JSON.stringify({ type })),
              headers && JSON.stringify(headers),
            ],
            ...[errors?.length ?? 0, errors?.at(-1)?.error, history && JSON.stringify(history)],
          ],
        );
        ids.push(id);
      }
      return ids;
    },
    rows: () =>
      playground.sql(
        `SELECT id, state, attempts, errors,
           state = 'pending' AND available_at IS NULL AND xid > $1::text::xid8 AS ready
         FROM ${outbox} ORDER BY seq`,
        [aged],
      ),
    age: async () => {
      const [row] = await playground.sql<{ aged: string }>('SELECT pg_current_xact_id()::text AS aged');
      aged = row?.aged ?? '';
    },
    continueBehindTheDead: async () =>
      void (await playground.sql(
        `INSERT INTO ${relays} (service, host, pid, report) VALUES ('shop', 'here', 1, '{"onDead":"continue"}')`,
      )),
    clear: async () => void (await playground.sql(`TRUNCATE ${outbox}, ${relays}`)),
    whileLocked: (id, work) =>
      dataSource.transaction(async (manager) => {
        await manager.query(`SELECT 1 FROM ${outbox} WHERE id = $1 FOR UPDATE`, [id]);
        await work();
      }),
    close: async () => {
      await dataSource.destroy();
      await playground.close();
    },
  };
});
