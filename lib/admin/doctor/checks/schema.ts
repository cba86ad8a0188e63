import { problem, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';

const MIGRATE =
  'npx outbox migrate; or add outboxMigrations to the migrations of your data source and run them; or start one process with ' +
  'storage: { migrate: true }.';

export async function schemaCheck({ parts: { store } }: Facts): Promise<Look> {
  const { found, needed } = await store.schema();
  if (found >= needed) return { findings: [] };
  const details = { table: store.table, found, needed };
  if (found === 0)
    return {
      findings: [
        problem(
          'schema-missing',
          `There is no outbox ${store.table} in this database.`,
          `${MIGRATE} If it is elsewhere, say where: --schema and --table, or another database.`,
          details,
        ),
      ],
    };
  return {
    findings: [
      problem(
        'schema-behind',
        `The schema of ${store.table} is at version ${found}; this version of the library needs ${needed}, and does not start.`,
        MIGRATE,
        details,
      ),
    ],
  };
}
