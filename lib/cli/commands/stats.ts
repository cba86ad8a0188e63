import type { Command } from 'commander';
import { durationText } from '../../policy/duration.js';
import { assertSchema } from '../../store/postgres/schema.js';
import { stats } from '../../store/postgres/statements/stats.js';
import type { StoreStats } from '../../store/store.js';
import { answer, facts } from '../output.js';
import type { Run } from '../run.js';
import { withDatabase } from '../storage.js';
import { withJson, withStorage, type JsonFlag, type StorageFlags } from '../storage-options.js';

/** Where the counts stop, so that they stay cheap on a table of any size. */
const COUNT_LIMIT = 10_000;

const EXAMPLES = `
Counts stop at 10,000 and are then shown as "10000+".
  npx outbox stats -d dist/data-source.js
  npx outbox stats --json | jq .lag`;

export function addStats(program: Command, run: Run): void {
  const command = program.command('stats').description('Tell how many events wait, and for how long.');
  withJson(withStorage(command))
    .addHelpText('after', EXAMPLES)
    .action((flags: StorageFlags & JsonFlag) =>
      withDatabase(flags, run.io, async ({ dataSource, tables }) => {
        await assertSchema(dataSource, tables);
        const { text, values } = stats(tables, COUNT_LIMIT);
        const [row] = await dataSource.query<[Omit<StoreStats, 'countedUpTo'>]>(text, [...values]);
        const found: StoreStats = { ...row, countedUpTo: COUNT_LIMIT };
        answer(run.io, flags, found, () => described(found));
      }),
    );
}

function described({ pending, retrying, dead, lag, countedUpTo }: StoreStats): string {
  const count = (number: number, most = countedUpTo) => (number >= most ? `${number}+` : number);
  return facts([
    // Two counts in one: those that are ready and those that are not due yet.
    ['pending', pending >= countedUpTo ? `${countedUpTo}+` : pending],
    ['retrying', count(retrying)],
    ['dead', count(dead)],
    ['lag', durationText(Math.round(lag))],
  ]);
}
