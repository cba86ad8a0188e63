// How fast one relay process publishes a backlog, beside amqplib's own confirmed publishes, and beside others. Everything
// that is measured has a process of its own; this one fills tables, and waits.
import { inTurn, ratio } from '../measure.mjs';
import { startOutbox } from '../outbox.mjs';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 50_000);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const PEER_ROUNDS = Number(process.env.BENCH_PEER_ROUNDS ?? 2);
const WINDOW = 2_000;
const BYTES = 1_024;
const PAYLOAD = Buffer.alloc(BYTES, 'x');

export default async function relay(scope) {
  const stage = await scope.stage('relay');
  const own = {
    amqplib: await limit(scope, stage),
    published: await backlog(scope, stage, 'published', { retention: 0 }),
    kept: await backlog(scope, stage, 'kept', { retention: '7d' }),
    keyed: await backlog(scope, stage, 'keyed', { retention: 0 }, (i) => ({ key: `key-${i % 1_000}` })),
  };
  const { amqplib, ...others } = {
    ...(await inTurn(ROUNDS, own)),
    // They need sessions of their own, which such a pooler does not give them.
    ...(scope.pooler ? {} : await inTurn(PEER_ROUNDS, await peers(scope, stage))),
  };
  const ratios = Object.entries(others).map(([name, value]) => [name, ratio(value, amqplib)]);
  return { figures: { amqplib, ...others }, ratios: Object.fromEntries(ratios) };
}

async function limit(scope, stage) {
  const publisher = scope.process('amqplib');
  await publisher.call('start', stage.site);
  return async () => {
    await stage.purge();
    return publisher.call('publish', EVENTS, BYTES, WINDOW);
  };
}

/** A relay that lives through all rounds, as relays do, over an outbox that is filled while it is paused. */
async function backlog(scope, stage, name, options, make) {
  const site = await stage.sibling(name);
  const filler = await startOutbox(site, { ...options, relay: { enabled: false } });
  scope.onEnd(() => filler.close());
  const relay = scope.process('relay');
  await relay.call('start', site, options);
  await relay.call('pause');
  return async () => {
    await stage.purge();
    await stage.database.query(`TRUNCATE ${site.schema}.outbox`);
    await filler.fill(EVENTS, PAYLOAD, make);
    await stage.database.query(`ANALYZE ${site.schema}.outbox`);
    await stage.settle();
    return relay.call('drain', EVENTS);
  };
}

/** Slower by far: fewer rows tell as much. */
async function peers(scope, stage) {
  const blog = scope.process('blog-relay');
  await blog.call('start', await stage.sibling('blog'));
  const cases = {
    blogPolling: () => blog.call('run', 300, BYTES, 1_000),
    blogWithoutSleep: () => blog.call('run', 2_000, BYTES, 0),
  };
  for (const [name, script, rows] of [
    ['pgTransactionalOutbox', 'pg-transactional-outbox', 3_000],
    ['graphileWorker', 'graphile-worker', 20_000],
  ]) {
    const peer = scope.peer(script);
    if (!peer) continue;
    await peer.call('start', await stage.sibling(name.toLowerCase()));
    cases[name] = async () => {
      await stage.purge();
      return peer.call('run', rows, BYTES);
    };
  }
  return cases;
}
