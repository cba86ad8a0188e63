import type { Command } from 'commander';
import { resolveOptions } from '../../options/resolve-options.js';
import { durationText } from '../../policy/duration.js';
import type { RelayReport } from '../../relay/relay-stats.js';
import type { ReturnedKey } from '../../relay/returned-keys.js';
import { readStats } from '../../store/postgres/read-stats.js';
import { assertSchema } from '../../store/postgres/schema.js';
import type { SeenRelay, StoreStats } from '../../store/store.js';
import { answer, facts, table, type Cell } from '../output.js';
import type { Run } from '../run.js';
import { withDatabase } from '../storage.js';
import { withJson, withStorage, type JsonFlag, type StorageFlags } from '../storage-options.js';

/** Where the counts stop, so that they stay cheap on a table of any size. */
const COUNT_LIMIT = 10_000;
/** A relay tells of itself every 5 s; one that holds lanes and has not for so long does not move. In milliseconds. */
const FROZEN = 20_000;

const EXAMPLES = `
Counts stop at 10,000 and are then shown as "10000+". The relays are those of all processes, by the database: "lanes" are
the shares of the keys that each works; rates are per second over the last ten.
  npx outbox stats -d dist/data-source.js
  npx outbox stats --json | jq .lag`;

export function addStats(program: Command, run: Run): void {
  const command = program
    .command('stats')
    .description('Tell how many events wait, for how long, and who publishes them.');
  withJson(withStorage(command))
    .addHelpText('after', EXAMPLES)
    .action((flags: StorageFlags & JsonFlag) =>
      withDatabase(flags, run.io, async ({ dataSource, tables }) => {
        await assertSchema(dataSource, tables);
        const { lanes } = resolveOptions({ service: 'outbox' }, run.io.env).relay;
        const found = await dataSource.transaction((manager) =>
          readStats(
            async (statements) => {
              const results: unknown[][] = [];
              for (const statement of statements) results.push(await manager.query<unknown[]>(statement));
              return results;
            },
            tables,
            { limit: COUNT_LIMIT, lanes },
          ),
        );
        answer(run.io, flags, { ...found, owners: found.owners.map(flat) }, () => described(found));
      }),
    );
}

type Told = Partial<RelayReport>;

const flat = ({ report, ...relay }: SeenRelay) => ({ ...relay, ...(report as Told) });

function described(stats: StoreStats): string {
  const { pending, due, retrying, dead, lag, countedUpTo, owners } = stats;
  const count = (number: number) => (number >= countedUpTo ? `${countedUpTo}+` : number);
  const waiting = facts([
    ['pending', count(pending)],
    ['due', count(due)],
    ['retrying', count(retrying)],
    ['dead', count(dead)],
    ['lag', durationText(Math.round(lag))],
  ]);
  return [waiting, '', relays(owners), ...returned(owners)].join('\n');
}

function relays(owners: readonly SeenRelay[]): string {
  if (owners.length === 0) return 'No relay is running: nothing is published.';
  const rows = owners.map((owner): Cell[] => {
    const { service, host, pid, lanes, rates } = flat(owner);
    return [service, host, pid, lanes.length, rates?.published ?? null, rates?.failed ?? null, state(owner)];
  });
  return table(['relay', 'host', 'pid', 'lanes', 'published/s', 'failed/s', 'state'], rows);
}

function state(owner: SeenRelay): string {
  const { lanes, seen, paused, breaker, brokerReady, reason } = flat(owner);
  if (seen > FROZEN) {
    const since = durationText(Math.round(seen / 1_000) * 1_000);
    return lanes.length > 0 ? `frozen? not seen for ${since}` : `gone? not seen for ${since}`;
  }
  if (paused) return 'paused';
  if (breaker === 'open') return `breaker open: ${reason}`;
  if (brokerReady === false) return 'without a broker';
  return lanes.length > 0 ? 'at work' : 'standing by';
}

function returned(owners: readonly SeenRelay[]): string[] {
  const counts = new Map<string, ReturnedKey>();
  for (const key of owners.flatMap((owner) => flat(owner).returned ?? [])) {
    const name = `${key.exchange}\n${key.routingKey}`;
    counts.set(name, { ...key, count: (counts.get(name)?.count ?? 0) + key.count });
  }
  if (counts.size === 0) return [];
  const rows = [...counts.values()]
    .sort((one, other) => other.count - one.count)
    .map(({ exchange, routingKey, count }): Cell[] => [routingKey, exchange, count]);
  return ['', 'No queue is bound for:', table(['routing key', 'exchange', 'returned'], rows)];
}
