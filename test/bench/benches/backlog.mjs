// Whether a backlog of millions drains as fast as a small one. Both are drained in turn, the same number of events at a
// time; the small one is filled again for each round, the large one shrinks a little.
import { inTurn, ratio } from '../measure.mjs';
import { startOutbox } from '../outbox.mjs';

const LARGE = Number(process.env.BENCH_BACKLOG ?? 1_000_000);
const EVENTS = Number(process.env.BENCH_EVENTS ?? 100_000);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const KEYS = 1_000;
const ROWS_PER_INSERT = 200_000;

export default async function backlog(scope) {
  const stage = await scope.stage('backlog');
  const small = await startRelay(scope, stage, 'small');
  const large = await startRelay(scope, stage, 'large');
  const filled = performance.now();
  await fill(stage, large.site, LARGE + (ROUNDS + 1) * EVENTS);
  const seconds = (performance.now() - filled) / 1_000;
  console.log(`${LARGE} events written by the database itself, in ${Math.round(seconds)} s`);
  const cases = {
    small: async () => {
      await stage.database.query(`TRUNCATE ${small.site.schema}.outbox`);
      await fill(stage, small.site, EVENTS);
      return small.drain();
    },
    large: () => large.drain(),
  };
  for (const run of Object.values(cases)) await run(); // The first round of a process is a slow one.
  const figures = await inTurn(ROUNDS, cases);
  return { figures: { ...figures, rows: LARGE }, ratios: { backlog: ratio(figures.large, figures.small) } };
}

async function startRelay(scope, stage, name) {
  const site = await stage.sibling(name);
  const migrating = await startOutbox(site, { relay: { enabled: false } });
  await migrating.close();
  const relay = scope.process('relay');
  await relay.call('start', site, { retention: 0 });
  await relay.call('pause');
  const drain = async () => {
    await stage.purge();
    await stage.settle();
    return relay.call('drainSome', EVENTS);
  };
  return { site, drain };
}

/** Small events, every other one with a key. Ids in the order of time, as emit() makes them. */
async function fill({ database }, { schema }, count) {
  for (let done = 0; done < count; done += ROWS_PER_INSERT) {
    await database.query(`INSERT INTO ${schema}.outbox (id, lane, key, type, payload, content_type)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(${done} + n), 12, '0'))::uuid, n % ${KEYS},
  CASE WHEN n % 2 = 0 THEN 'key-' || n % ${KEYS} END, 'bench.event', decode(repeat('78', 100), 'hex'), 'text/plain'
FROM generate_series(1, ${Math.min(ROWS_PER_INSERT, count - done)}) n`);
  }
  await database.query(`ANALYZE ${schema}.outbox`);
}
