import { OutboxError } from './outbox.error.js';

/** The outbox tables are missing or older than this version of the library needs. */
export class SchemaOutdatedError extends OutboxError {
  readonly code = 'OUTBOX_SCHEMA_OUTDATED';

  constructor(table: string, found: number, needed: number) {
    super(
      `The schema of table ${table} is at version ${found}, this version of nestjs-rabbitmq-outbox needs ${needed}. ` +
        'Three ways to bring it up: add `outboxMigrations` to the `migrations` of your TypeORM data source and run ' +
        'them; or start one process with storage: { migrate: true }; or run the statements of ' +
        '`outboxMigrationSql()` yourself.',
    );
  }
}
