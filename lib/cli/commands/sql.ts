import { InvalidArgumentError, Option, type Command } from 'commander';
import { migrations, outboxMigrationSql, versionOf } from '../../store/postgres/migrations/migrations.js';
import type { Run } from '../run.js';

const NEWEST = versionOf(migrations);

interface SqlFlags {
  readonly schema?: string;
  readonly table: string;
  readonly inboxTable: string;
  readonly from: number;
}

const EXAMPLES = `
For those who apply SQL with a tool of their own. Needs no database.
  npx outbox sql > outbox.sql
  npx outbox sql --from 1      only what comes after version 1 (outbox status tells which is there)`;

export function addSql(program: Command, { io }: Run): void {
  program
    .command('sql')
    .description('Print the statements that create or upgrade the tables.')
    .addOption(new Option('--database <name>', 'the SQL to print').choices(['postgres']).default('postgres'))
    .option('--schema <name>', 'schema of the tables (default: the one the statements are run in)')
    .option('--table <name>', 'name of the outbox', 'outbox')
    .option('--inbox-table <name>', 'name of the inbox', 'outbox_inbox')
    .addOption(
      new Option('--from <version>', `version that is there already; the newest is ${NEWEST}`)
        .argParser(version)
        .default(0, '0, nothing'),
    )
    .addHelpText('after', EXAMPLES)
    .action(({ schema, table, inboxTable, from }: SqlFlags) => {
      io.out(outboxMigrationSql({ schema, table, inboxTable }, from));
    });
}

function version(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number <= NEWEST) return number;
  throw new InvalidArgumentError(`It must be a version from 0 to ${NEWEST}.`);
}
