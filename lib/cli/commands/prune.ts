import type { Command } from 'commander';
import type { DataSource } from 'typeorm';
import { resolveOptions } from '../../options/resolve-options.js';
import { durationText, milliseconds, type Duration } from '../../policy/duration.js';
import { assertSchema } from '../../store/postgres/schema.js';
import { PostgresInbox } from '../../store/postgres/postgres-inbox.js';
import { pruneCount, pruneInboxCount } from '../../store/postgres/statements/prune-count.js';
import type { Statement } from '../../store/postgres/statements/statement.js';
import { confirmed } from '../confirm.js';
import { EXIT } from '../exit-code.js';
import { duration } from '../number.js';
import { withOutbox } from '../operator.js';
import { answer } from '../output.js';
import { Progress } from '../progress.js';
import type { Run } from '../run.js';
import { withDatabase, type Storage } from '../storage.js';
import { withJson, withStorage, type JsonFlag, type StorageFlags } from '../storage-options.js';

interface PruneFlags extends StorageFlags, JsonFlag {
  readonly olderThan?: Duration;
  readonly inboxOlderThan?: Duration;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Rows per transaction: short enough to hold up nobody. */
const BATCH = 5_000;

const EXAMPLES = `
Relays prune by themselves, and so this is for tables that were left to grow, or a shorter retention this once. Deletes published
events, and what inboxes remember of handled ones, in short transactions; never what is pending or dead. It tells how many
there are, and asks; where nobody can be asked, it wants --yes. OUTBOX_ARCHIVE=table moves events to the archive instead, as in
the application.
  npx outbox prune -d dist/data-source.js --dry-run
  npx outbox prune --older-than 1d --yes

An inbox must remember for longer than events can come again: as retries, or as dead letters that are requeued.`;

export function addPrune(program: Command, run: Run): void {
  const command = program
    .command('prune')
    .description('Delete published events that are past their retention.');
  withJson(withStorage(command))
    .option('--older-than <duration>', 'published longer ago (default: OUTBOX_RETENTION, else 7d)', duration)
    .option(
      '--inbox-older-than <duration>',
      'handled longer ago (default: OUTBOX_INBOX_RETENTION, else 30d)',
      duration,
    )
    .option('--dry-run', 'only tell how many')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', EXAMPLES)
    .action((flags: PruneFlags) => withDatabase(flags, run.io, (storage) => pruned(storage, flags, run)));
}

interface Counts {
  readonly events: number;
  readonly inbox: number;
}

async function pruned(storage: Storage, flags: PruneFlags, run: Run): Promise<void> {
  const { io } = run;
  await assertSchema(storage.dataSource, storage.tables);
  const ages = agesFrom(flags, io.env);
  const seen = await count(storage, ages);
  const anything = seen.events + seen.inbox > 0;
  if (flags.dryRun || !anything) return tell(seen, true);
  const question = `Delete ${what(seen)}?`;
  if (!(await confirmed(io, flags, question))) return io.err('Nothing was pruned.\n');
  const progress = new Progress(io);
  const done = { events: 0, inbox: 0 };
  const removed = (of: keyof Counts, count: number): boolean => {
    done[of] += count;
    progress.tell(
      `${done.events} of ${seen.events} events, ${done.inbox} of ${seen.inbox} of inboxes removed`,
    );
    return io.signal.aborted;
  };
  await pruneEvents(flags, io, ages.events, (count) => removed('events', count));
  if (!io.signal.aborted) await pruneInboxes(storage, ages.inbox, (count) => removed('inbox', count));
  progress.end();
  if (io.signal.aborted) run.exitCode = EXIT.interrupted;
  tell(done, false);

  function tell(counts: Counts, dryRun: boolean): void {
    answer(io, flags, { ...counts, dryRun, cancelled: io.signal.aborted }, () =>
      anything ? `${what(counts)} ${dryRun ? 'would be' : 'were'} deleted.` : 'There is nothing to prune.',
    );
  }

  function what({ events, inbox }: Counts): string {
    return `${events} events published more than ${durationText(ages.events)} ago, and ${inbox} entries of inboxes older than ${durationText(ages.inbox)}`;
  }
}

function agesFrom({ olderThan, inboxOlderThan }: PruneFlags, env: Run['io']['env']): Counts {
  const { retention, inboxRetention } = resolveOptions({ service: 'outbox' }, env);
  return {
    events: olderThan === undefined ? retention : milliseconds(olderThan),
    inbox: inboxOlderThan === undefined ? inboxRetention : milliseconds(inboxOlderThan),
  };
}

async function count({ dataSource, tables }: Storage, ages: Counts): Promise<Counts> {
  const of = async (statement: Statement) =>
    (await query<{ count: number }>(dataSource, statement))?.count ?? 0;
  return {
    events: await of(pruneCount(tables, ages.events)),
    inbox: await of(pruneInboxCount(tables, ages.inbox)),
  };
}

/** Called after each step; tells whether to end. */
type Removed = (count: number) => boolean;

/** As a relay does it: with an archive, where there is one. */
async function pruneEvents(flags: PruneFlags, io: Run['io'], age: number, removed: Removed): Promise<void> {
  const pruning = withOutbox(flags, io, async ({ store }) => {
    for await (const count of store.prune(age, BATCH, io.signal)) if (removed(count)) return;
  });
  await pruning.catch((error: unknown) => {
    if (!io.signal.aborted) throw error;
  });
}

async function pruneInboxes({ dataSource, tables }: Storage, age: number, removed: Removed): Promise<void> {
  for await (const count of new PostgresInbox(dataSource, tables).prune(age, BATCH))
    if (removed(count)) return;
}

async function query<Row>(dataSource: DataSource, { text, values }: Statement): Promise<Row | undefined> {
  const [row] = await dataSource.query<Row[]>(text, [...values]);
  return row;
}
