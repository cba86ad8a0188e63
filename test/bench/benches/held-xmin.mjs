// Whether a transaction that somebody holds open slows the relay down: the dead rows of what was published meanwhile
// cannot be removed. Filled and drained in turn, and only the draining is timed: it is the relay that is measured.
import pg from 'pg';
import { ratio } from '../measure.mjs';
import { startOutbox } from '../outbox.mjs';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 300_000);
/** Each begins with a look at the whole table, as relays do that begin; few and long ones, so that it is not what is measured. */
const ROUNDS = 6;
const PAYLOAD = Buffer.alloc(1_024, 'x');

export default async function heldXmin(scope) {
  const stage = await scope.stage('held_xmin');
  const free = await run(scope, stage, 'free', async () => async () => undefined);
  const held = await run(scope, stage, 'held', holdTransaction);
  return {
    figures: { ...free, ...held },
    ratios: { heldXmin: ratio(held.heldLast, held.heldFirst), free: ratio(free.freeLast, free.freeFirst) },
  };
}

/** Events per second in the first, the second and the last third of the rounds. */
async function run(scope, stage, name, hold) {
  const drain = await startRelay(scope, stage, name);
  await drain(); // The first round of a process is a slow one.
  const release = await hold(stage);
  const seconds = [0, 0, 0];
  for (let round = 0; round < ROUNDS; round++) {
    const perSecond = await drain();
    console.log(`${name}, round ${round + 1}: ${Math.round(perSecond)}`);
    seconds[Math.floor((round * 3) / ROUNDS)] += 1 / perSecond;
  }
  await release();
  const [first, second, last] = seconds.map((sum) => Math.round(ROUNDS / 3 / sum));
  return { [`${name}First`]: first, [`${name}Second`]: second, [`${name}Last`]: last };
}

async function startRelay(scope, stage, name) {
  const site = await stage.sibling(name);
  const filler = await startOutbox(site, { relay: { enabled: false } });
  scope.onEnd(() => filler.close());
  const relay = scope.process('relay');
  await relay.call('start', site, { retention: 0 });
  await relay.call('pause');
  return async () => {
    await stage.purge();
    await filler.fill(EVENTS / ROUNDS, PAYLOAD);
    await stage.settle();
    return relay.call('drain', EVENTS / ROUNDS);
  };
}

/** A transaction with a snapshot and an id: no row that was there when it began can be removed before it ends. */
async function holdTransaction({ site }) {
  const client = new pg.Client({ connectionString: site.databaseUrl });
  await client.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await client.query(`CREATE TABLE ${site.schema}.held (n int)`);
  return async () => {
    await client.query('ROLLBACK');
    await client.end();
  };
}
