// How many messages a second a handler that does nothing gets through, beside amqplib alone and Nest's other packages.
// Each consumer has a process of its own and finds the same queue full.
import { inTurn, ratio } from '../measure.mjs';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 50_000);
/** Slower by far. */
const INBOX_EVENTS = EVENTS / 5;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const PREFETCH = Number(process.env.BENCH_PREFETCH ?? 100);
const BYTES = 1_024;

export default async function consume(scope) {
  const stage = await scope.stage('consume');
  const backlog = scope.process('backlog');
  await backlog.call('start', stage.site);
  const on = (consumer, body, options) =>
    contender(consumer, stage, (events) => backlog.call('fill', events, body), options);
  const withInbox = await on(scope.process('consume-outbox'), PLAIN, { inbox: true });
  const cases = {
    amqplib: await on(scope.process('consume-amqplib'), PLAIN),
    outbox: await on(scope.process('consume-outbox'), PLAIN),
    nest: await on(scope.process('consume-nest'), NEST),
    ...(await golevelup(scope, on)),
    inbox: () => counted(stage.database, withInbox),
  };
  for (const run of Object.values(cases)) await run(); // The first round of a process is a slow one.
  const { amqplib, ...others } = await inTurn(ROUNDS, cases);
  const { outbox, nest, golevelup: other } = others;
  return {
    figures: { amqplib, ...others },
    ratios: {
      raw: ratio(outbox, amqplib),
      nest: ratio(outbox, nest),
      ...(other && { golevelup: ratio(outbox, other) }),
    },
  };
}

/** JSON of `BYTES` bytes. */
function json(make) {
  const empty = JSON.stringify(make('')).length;
  return Buffer.from(JSON.stringify(make('x'.repeat(BYTES - empty))));
}

const PLAIN = json((text) => ({ id: 1, text }));
const NEST = json((text) => ({ pattern: 'bench.event', data: { id: 1, text } }));

async function contender(consumer, stage, fill, options = {}) {
  const events = options.inbox ? INBOX_EVENTS : EVENTS;
  await consumer.call('start', stage.site);
  return async () => {
    await stage.purge();
    await fill(events);
    const { perSecond } = await consumer.call('consume', events, PREFETCH, options);
    return perSecond;
  };
}

/** The same, and how many transactions the database has ended for each message, of whatever kind and whosoever. */
async function counted(database, run) {
  const before = await transactions(database);
  const perSecond = await run();
  return { '': perSecond, Transactions: ((await transactions(database)) - before) / INBOX_EVENTS };
}

async function transactions(database) {
  // The server counts what a connection has done when it ends, or a second after it fell idle.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const { rows } = await database.query(
    'SELECT xact_commit + xact_rollback AS count FROM pg_stat_database WHERE datname = current_database()',
  );
  return Number(rows[0].count);
}

async function golevelup(scope, on) {
  const peer = scope.peer('golevelup');
  return peer ? { golevelup: await on(peer, PLAIN) } : {};
}
