// What operators ask of a large outbox: how long the answers take, at rest and under load, and what they cost the relay.
import { inTurn, ratio } from '../measure.mjs';
import { startOutbox } from '../outbox.mjs';

const KEPT = Number(process.env.BENCH_KEPT ?? 2_000_000);
const PENDING = Number(process.env.BENCH_PENDING ?? 200_000);
const DEAD = Number(process.env.BENCH_DEAD ?? 1_000);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
/** How often everything is asked while the relay works, in ms: more often than any probe or scrape. */
const INTERVAL = 1_000;

export default async function operate(scope) {
  const stage = await scope.stage('operate');
  const relay = await relayOn(scope, stage);
  await fill(stage, KEPT, 'published');
  await fill(stage, DEAD, 'dead');
  const longest = {};
  const seen = (times) => {
    for (const [name, ms] of Object.entries(times)) longest[name] = Math.max(longest[name] ?? 0, ms);
  };
  const drained = async (interval) => {
    await stage.purge();
    await fill(stage, PENDING, 'pending');
    await stage.settle();
    if (interval) for (let i = 0; i < 5; i++) seen(await relay.call('ask'));
    const outcome = await relay.call('drain', PENDING, interval);
    seen(outcome.longest);
    return outcome.perSecond;
  };
  const { unasked, asked } = await inTurn(ROUNDS, {
    unasked: () => drained(undefined),
    asked: () => drained(INTERVAL),
  });
  const times = Object.entries(longest).map(([name, ms]) => [`${name}Ms`, Math.round(ms * 10) / 10]);
  return {
    figures: { unasked, asked, ...Object.fromEntries(times) },
    ratios: { asked: ratio(asked, unasked) },
  };
}

async function relayOn(scope, stage) {
  const migrating = await startOutbox(stage.site, { relay: { enabled: false } });
  await migrating.close();
  const relay = scope.process('operated-relay');
  await relay.call('start', stage.site, { retention: '7d' });
  await relay.call('pause');
  return relay;
}

/** Written by the database itself: two million events through emit() would be another benchmark. */
async function fill({ site, database }, count, state) {
  const table = `${site.schema}.outbox`;
  const publishedAt = state === 'published' ? 'now()' : 'NULL';
  const errors = `'[{"attempt": 1, "at": "2026-01-01T00:00:00Z", "error": "no"}]'`;
  for (let done = 0; done < count; done += 100_000) {
    await database.query(`INSERT INTO ${table} (id, lane, state, type, payload, content_type, published_at, errors, attempts)
SELECT gen_random_uuid(), n % 256, '${state}', 'bench.event', decode(repeat('78', 200), 'hex'), 'text/plain', ${publishedAt},
  ${state === 'dead' ? errors : 'NULL'}, ${state === 'dead' ? 1 : 0}
FROM generate_series(1, ${Math.min(100_000, count - done)}) n`);
  }
  await database.query(`ANALYZE ${table}`);
}
