#!/usr/bin/env node
import { Command, Option } from 'commander';
import { migrations, outboxMigrationSql, versionOf } from '../store/postgres/migrations/migrations.js';

const NEWEST = versionOf(migrations);

const program = new Command('outbox').description('Tools for nestjs-rabbitmq-outbox.').showHelpAfterError();

interface SqlOptions {
  readonly schema?: string;
  readonly table: string;
  readonly inboxTable: string;
  readonly from: number;
}

program
  .command('sql')
  .description('Print the statements that create or upgrade the tables, for those who apply them themselves.')
  .addOption(new Option('--database <name>', 'the SQL to print').choices(['postgres']).default('postgres'))
  .option('--schema <name>', 'schema of the tables (default: the one the statements are run in)')
  .option('--table <name>', 'name of the outbox', 'outbox')
  .option('--inbox-table <name>', 'name of the inbox', 'outbox_inbox')
  .addOption(
    new Option('--from <version>', `version that is there already; the newest is ${NEWEST}`)
      .argParser(version)
      .default(0, '0, nothing'),
  )
  .action(({ schema, table, inboxTable, from }: SqlOptions) => {
    process.stdout.write(outboxMigrationSql({ schema, table, inboxTable }, from));
  });

function version(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= NEWEST) return number;
  return program.error(`error: --from must be a version from 0 to ${NEWEST}, got "${text}"`, {
    exitCode: 2,
  });
}

program.parse();
