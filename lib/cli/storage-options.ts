import type { Command } from 'commander';

/** Where the tables are. */
export interface StorageFlags {
  readonly dataSource?: string;
  readonly databaseUrl?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly inboxTable?: string;
}

export interface JsonFlag {
  readonly json?: boolean;
}

/** The options of every command that needs the database. */
export function withStorage(command: Command): Command {
  return command
    .option('-d, --data-source <file>', 'file that exports your TypeORM data source')
    .option('--database-url <url>', 'database URL, instead of a data source')
    .option('--schema <name>', 'schema of the tables (default: that of the data source)')
    .option('--table <name>', 'name of the outbox (default: "outbox")')
    .option('--inbox-table <name>', 'name of the inbox (default: "outbox_inbox")');
}

export const withJson = (command: Command): Command =>
  command.option('--json', 'print one JSON value, for programs');
