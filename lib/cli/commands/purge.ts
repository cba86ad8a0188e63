import type { Command } from 'commander';
import type { DeadLetters } from '../../admin/dead-letters/dead-letters.js';
import type { DeadLetterTarget } from '../../admin/dead-letters/dead-letter-filter.js';
import { withBroker, type OutboxFlags } from '../broker-options.js';
import { confirmed } from '../confirm.js';
import { targetFrom, withFilter, type FilterFlags } from '../dead-letter-options.js';
import { EXIT } from '../exit-code.js';
import type { Io } from '../io.js';
import { withOutbox } from '../operator.js';
import { answer } from '../output.js';
import { Progress } from '../progress.js';
import type { Run } from '../run.js';
import { withJson, type JsonFlag } from '../storage-options.js';
import { exitCodeOf, reported } from '../sweep-report.js';

interface PurgeFlags extends OutboxFlags, FilterFlags, JsonFlag {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

const EXAMPLES = `
For good. It tells how many there are, and asks; where nobody can be asked, it wants --yes. What waits behind a purged event
for its key goes ahead.
  npx outbox purge 0199f0aa-0000-7000-8000-000000000000 -d dist/data-source.js
  npx outbox purge --where shop.Invoicing.invoice --failed-before 2026-01-01T00:00:00Z --dry-run`;

export function addPurge(program: Command, run: Run): void {
  const { io } = run;
  const command = program
    .command('purge')
    .description('Delete dead letters.')
    .argument('[ids...]', 'ids of events');
  withJson(withFilter(withBroker(command)))
    .option('--all', 'all dead letters there are')
    .option('--dry-run', 'only tell how many')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', EXAMPLES)
    .action((ids: readonly string[], flags: PurgeFlags) => {
      const target = targetFrom(ids, flags);
      return withOutbox(flags, io, async ({ deadLetters }) => {
        const report = await purge(deadLetters, target, flags, io);
        if (!report) return io.err('Nothing was purged.\n');
        run.exitCode = ids.length > 0 && report.done + report.failed === 0 ? EXIT.bad : exitCodeOf(report);
        answer(io, flags, report, () => reported('purged', report));
      });
    });
}

async function purge(letters: DeadLetters, target: DeadLetterTarget, flags: PurgeFlags, io: Io) {
  const seen = await letters.purge(target, { dryRun: true, signal: io.signal });
  if (flags.dryRun || seen.cancelled) return seen;
  const places = Object.entries(seen.places).map(([where, count]) => `${count} of ${where}`);
  const question = `Purge ${seen.done} dead letters (${places.join(', ')})?`;
  // Where there is none, keys may still wait for some that are gone.
  if (seen.done > 0 && !(await confirmed(io, flags, question))) return undefined;
  const progress = new Progress(io);
  const report = await letters.purge(target, {
    atMost: seen.places,
    signal: io.signal,
    onProgress: ({ where, done, looked, of }) =>
      progress.tell(`${done} purged; ${where}: ${looked} of ${of} looked at`),
  });
  progress.end();
  return report;
}
