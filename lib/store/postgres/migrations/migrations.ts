import type { MigrationInterface, QueryRunner } from 'typeorm';
import { schemaVersion } from '../schema-version.js';
import { tables, type TableNames, type Tables } from '../tables.js';
import { createOutbox } from './0001-create-outbox.js';
import type { Migration } from './migration.js';

export const migrations: readonly Migration[] = [createOutbox];

/** The schema version that needs these steps. */
export const versionOf = (steps: readonly Migration[]) => Math.max(...steps.map(({ version }) => version));

/** The statements that take the schema from one version to another, each recorded so that nothing runs twice. */
export function upStatements(names: Tables, from = 0, steps = migrations): string[] {
  return steps
    .filter(({ version }) => version > from)
    .flatMap((migration) => [...migration.up(names), recordStatement(names, migration)]);
}

const recordStatement = ({ versions }: Tables, { version }: Migration) =>
  `INSERT INTO ${versions} (version) VALUES (${version})`;

/** The schema as SQL text, for those who apply it themselves. `from` is the version that is there already. */
export function outboxMigrationSql(names: TableNames = {}, from = 0): string {
  return upStatements(tables(names), from)
    .map((statement) => `${statement};\n`)
    .join('\n');
}

type MigrationClass = new () => MigrationInterface;

/** TypeORM migration classes for tables of other names. Without a schema they go into that of the data source. */
export function createOutboxMigrations(names: TableNames = {}): MigrationClass[] {
  return migrationClasses(names, migrations);
}

export function migrationClasses(names: TableNames, steps: readonly Migration[]): MigrationClass[] {
  return steps.map((step) => migrationClass(step, names));
}

/** TypeORM migration classes for the `migrations` of a data source. */
export const outboxMigrations: MigrationClass[] = createOutboxMigrations();

function migrationClass(migration: Migration, names: TableNames): MigrationClass {
  const namesIn = ({ dataSource }: QueryRunner) => {
    const { schema } = dataSource.options as { schema?: string };
    return tables({ ...names, schema: names.schema ?? schema });
  };
  return class implements MigrationInterface {
    readonly name = `${migration.name}${migration.timestamp}`;

    async up(queryRunner: QueryRunner): Promise<void> {
      const named = namesIn(queryRunner);
      // Done already by a process that was started with `storage.migrate`, or by hand.
      if ((await schemaVersion(queryRunner, named)) >= migration.version) return;
      for (const statement of [...migration.up(named), recordStatement(named, migration)]) {
        await queryRunner.query(statement);
      }
    }

    async down(queryRunner: QueryRunner): Promise<void> {
      const named = namesIn(queryRunner);
      if (migration.version > 1) {
        await queryRunner.query(`DELETE FROM ${named.versions} WHERE version = ${migration.version}`);
      }
      for (const statement of migration.down(named)) await queryRunner.query(statement);
    }
  };
}
