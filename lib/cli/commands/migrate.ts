import type { Command } from 'commander';
import { migrations, upStatements, versionOf } from '../../store/postgres/migrations/migrations.js';
import { schemaVersion } from '../../store/postgres/schema-version.js';
import { migrateSchema } from '../../store/postgres/schema.js';
import { answer } from '../output.js';
import type { Run } from '../run.js';
import { withDatabase } from '../storage.js';
import { withJson, withStorage, type JsonFlag, type StorageFlags } from '../storage-options.js';

const EXAMPLES = `
Safe to run twice, and by two deployments at once. It does what storage.migrate: true does at start; those whose TypeORM
migrations contain outboxMigrations need neither.
  npx outbox migrate -d dist/data-source.js
  npx outbox migrate -d dist/data-source.js --dry-run     print what it would do`;

export function addMigrate(program: Command, run: Run): void {
  const command = program.command('migrate').description('Create or upgrade the tables.');
  withJson(withStorage(command))
    .option('--dry-run', 'print the statements, change nothing')
    .addHelpText('after', EXAMPLES)
    .action((flags: StorageFlags & JsonFlag & { dryRun?: boolean }) =>
      withDatabase(flags, run.io, async ({ dataSource, tables }) => {
        const from = await schemaVersion(dataSource.manager, tables);
        const to = Math.max(from, versionOf(migrations));
        const statements = upStatements(tables, from);
        if (!flags.dryRun) await migrateSchema(dataSource, tables);
        answer(run.io, flags, { from, to, dryRun: flags.dryRun ?? false, statements }, () => {
          if (from === to) return `Nothing to do: the schema is at version ${from}.`;
          if (flags.dryRun) return statements.map((statement) => `${statement};`).join('\n\n');
          return `The schema is at version ${to} now; it was at ${from === 0 ? '0, nothing' : from}.`;
        });
      }),
    );
}
