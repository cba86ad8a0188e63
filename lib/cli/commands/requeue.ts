import type { Command } from 'commander';
import { withBroker, type OutboxFlags } from '../broker-options.js';
import { targetFrom, withFilter, type FilterFlags } from '../dead-letter-options.js';
import { EXIT } from '../exit-code.js';
import { numberFrom } from '../number.js';
import { withOutbox } from '../operator.js';
import { answer } from '../output.js';
import { Progress } from '../progress.js';
import type { Run } from '../run.js';
import { withJson, type JsonFlag } from '../storage-options.js';
import { exitCodeOf, reported } from '../sweep-report.js';

interface RequeueFlags extends OutboxFlags, FilterFlags, JsonFlag {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly rate: number;
}

const EXAMPLES = `
Once the cause is gone. Each keeps its id and gets all its attempts anew: what could not be published is published again,
in its old place; what a handler could not handle goes to that handler's queue, and to no other.
  npx outbox requeue 0199f0aa-0000-7000-8000-000000000000 -d dist/data-source.js
  npx outbox requeue --where publishing --error NOT_FOUND --dry-run
  npx outbox requeue --where shop.Invoicing.invoice --rate 100
  npx outbox requeue --all`;

export function addRequeue(program: Command, run: Run): void {
  const { io } = run;
  const command = program
    .command('requeue')
    .description('Put dead letters back.')
    .argument('[ids...]', 'ids of events');
  withJson(withFilter(withBroker(command)))
    .option('--all', 'all dead letters there are')
    .option('--dry-run', 'only tell how many')
    .option('--rate <number>', 'so many a second at most', numberFrom(1, 1_000_000), 1_000)
    .addHelpText('after', EXAMPLES)
    .action((ids: readonly string[], flags: RequeueFlags) => {
      const target = targetFrom(ids, flags);
      return withOutbox(flags, io, async ({ deadLetters }) => {
        const progress = new Progress(io);
        const report = await deadLetters.requeue(target, {
          dryRun: flags.dryRun ?? false,
          rate: flags.rate,
          signal: io.signal,
          onProgress: ({ where, done, looked, of }) =>
            progress.tell(`${done} requeued; ${where}: ${looked} of ${of} looked at`),
        });
        progress.end();
        // Who names an id means that it is there.
        run.exitCode = ids.length > 0 && report.done + report.failed === 0 ? EXIT.bad : exitCodeOf(report);
        answer(io, flags, report, () => reported('requeued', report));
      });
    });
}
