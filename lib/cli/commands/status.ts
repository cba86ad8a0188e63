import type { Command } from 'commander';
import { migrations, versionOf } from '../../store/postgres/migrations/migrations.js';
import { schemaVersion } from '../../store/postgres/schema-version.js';
import { EXIT } from '../exit-code.js';
import { answer } from '../output.js';
import type { Run } from '../run.js';
import { withDatabase } from '../storage.js';
import { withJson, withStorage, type JsonFlag, type StorageFlags } from '../storage-options.js';

const EXAMPLES = `
Exit code 1 tells that the schema is behind, so that a deployment can stop:
  npx outbox status -d dist/data-source.js || npx outbox migrate -d dist/data-source.js`;

export function addStatus(program: Command, run: Run): void {
  const command = program
    .command('status')
    .description('Tell whether the tables are as this version needs them.');
  withJson(withStorage(command))
    .addHelpText('after', EXAMPLES)
    .action(async (flags: StorageFlags & JsonFlag) => {
      const needed = versionOf(migrations);
      const found = await withDatabase(flags, run.io, ({ dataSource, tables }) =>
        schemaVersion(dataSource.manager, tables),
      );
      const upToDate = found >= needed;
      if (!upToDate) run.exitCode = EXIT.bad;
      answer(run.io, flags, { found, needed, upToDate }, () => described(found, needed));
    });
}

function described(found: number, needed: number): string {
  if (found === 0) return 'There is no outbox yet. Create it: outbox migrate';
  if (found < needed)
    return `The schema is at version ${found}; this version of the library needs ${needed}. Upgrade it: outbox migrate`;
  if (found > needed)
    return `The schema is at version ${found}, newer than this version of the library, which needs ${needed}. That is fine: steps only add.`;
  return `The schema is up to date, at version ${found}.`;
}
