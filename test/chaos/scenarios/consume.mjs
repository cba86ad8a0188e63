// Consumers that are killed at random, and come back. The effects of every event of a handler with an inbox must be there
// once, however often it was delivered; and an ordered handler must handle every key in order, and nothing may be lost.
import { setTimeout as sleep } from 'node:timers/promises';
import amqp from 'amqplib';
import { ConsumerUnderFire } from '../consumer-under-fire.mjs';
import { Crowd } from '../crowd.mjs';
import { createGround } from '../ground.mjs';

const REPLICAS = 3;
const KEYS = 500;
/** Ordered events for each of those with an inbox. */
const ORDERED = 5;
const HANDLERS = ['once', 'inOrder'];
const DELAYS = [100, 200];
const OPTIONS = {
  retention: '7d',
  shutdownTimeout: '10s',
  consumers: { enabled: true, retry: DELAYS, prefetch: 100, maxRedeliveries: 1_000 },
  relay: { enabled: false },
  rabbitmq: { connection: { reconnectDelay: 100 } },
};
/** Milliseconds between kills: a process needs a while to start, and then some to work. */
const PEACE = { from: 500, to: 5_000 };
/** Milliseconds without anything being handled after which what is missing is lost. */
const HOPELESS = 60_000;

/** `events` with an inbox; five times as many in order. */
export const defaults = { events: 20_000 };

export default async function consume(servers, { events, random, ledger, scope, log }) {
  const ground = await createGround(servers, scope);
  await prepare(ground);
  const crowd = new Crowd(random, async (name) => {
    const consumer = new ConsumerUnderFire(name, ledger);
    await consumer.start(ground.site, OPTIONS);
    return consumer;
  });
  scope.onEnd(() => crowd.close());
  crowd.wanted = REPLICAS;
  crowd.keep();
  while (crowd.size < REPLICAS) await checked(crowd, 100);

  let working = true;
  const killing = kills(() => working, crowd, random);
  const publishing = publish(ground, events, random);
  await allHandled(ground, events, crowd, ledger, log, () => (working = false));
  await Promise.all([publishing, killing]);
  await crowd.close();
  await enter(ground, events, ledger, log);
  return { violations: await deadLetters(ground) };
}

/** Tables of effects, and the names of what the handlers will declare. */
async function prepare({ site: { schema, exchange }, database, remember }) {
  await database.query(`CREATE TABLE ${schema}.once (number int NOT NULL, process text NOT NULL)`);
  await database.query(
    `CREATE TABLE ${schema}.in_order (seq bigserial, key text NOT NULL, number int NOT NULL, process text NOT NULL)`,
  );
  for (const handler of HANDLERS)
    for (const end of ['', '.dlq']) remember('queue', `${exchange}.Handlers.${handler}${end}`);
  const waiting = [...DELAYS.map((delay) => `retry.${delay}ms`), 'retry.1s', 'unclaimed'];
  for (const name of waiting) for (const kind of ['queue', 'exchange']) remember(kind, `${exchange}.${name}`);
  remember('exchange', `${exchange}.return`);
}

/** Each event once to four times, some copies at once and some long after; those of a key in order. */
async function publish({ site: { rabbitUrl, exchange } }, events, random) {
  const connection = await amqp.connect(rabbitUrl);
  const channel = await connection.createConfirmChannel();
  const send = (type, id, payload, headers = {}) =>
    channel.publish(exchange, type, Buffer.from(JSON.stringify(payload)), {
      messageId: id,
      type,
      contentType: 'application/json',
      persistent: true,
      headers,
    });
  const later = [];
  const perKey = (events * ORDERED) / KEYS;
  for (let number = 1, ordered = 0; number <= events; number++) {
    send('chaos.once', `once-${number}`, { number });
    for (let copies = random.between(0, 3); copies > 0; copies--)
      later.push({ number, due: number + (random.chance(0.5) ? 0 : random.between(1, 2_000)) });
    for (let index = later.length - 1; index >= Math.max(0, later.length - 50); index--)
      if (later[index].due <= number)
        send('chaos.once', `once-${later[index].number}`, later.splice(index, 1)[0]);
    for (let i = 0; i < ORDERED; i++, ordered++) {
      const key = `k${ordered % KEYS}`;
      const place = Math.floor(ordered / KEYS) + 1;
      if (place > perKey) break;
      const payload = { key, number: place, stubborn: random.chance(0.02) };
      send('chaos.in-order', `${key}-${place}`, payload, { 'outbox-key': key });
    }
    if (number % 200 === 0) await channel.waitForConfirms();
  }
  for (const { number } of later) send('chaos.once', `once-${number}`, { number });
  await channel.waitForConfirms();
  await connection.close();
}

async function kills(goOn, crowd, random) {
  for (;;) {
    await sleep(random.between(PEACE.from, PEACE.to));
    if (!goOn()) return;
    if (crowd.size === REPLICAS) await crowd.victim?.kill();
  }
}

/** Killing goes on until nearly all is handled. */
async function allHandled({ site: { schema }, database }, events, crowd, ledger, log, enough) {
  const all = events * (1 + ORDERED);
  let [before, since] = [-1, Date.now()];
  for (;;) {
    await checked(crowd, 1_000);
    const { rows } = await database.query(
      `SELECT (SELECT count(DISTINCT number) FROM ${schema}.once)::int AS once,
              (SELECT count(DISTINCT (key, number)) FROM ${schema}.in_order)::int AS ordered`,
    );
    const [{ once, ordered }] = rows;
    log(`${once} once, ${ordered} in order, ${crowd.size} consumers, ${ledger.faults.length} kills`);
    if (once + ordered > all * 0.95) enough();
    if (once + ordered === all) break;
    if (once + ordered > before) [before, since] = [once + ordered, Date.now()];
    if (Date.now() - since > HOPELESS) break;
  }
  enough();
  await quiet({ schema, database });
}

/** Copies may still be on the way: to be handled once more would be wrong. */
async function quiet({ schema, database }) {
  const count = async () =>
    (await database.query(`SELECT (SELECT count(*) FROM ${schema}.once) AS count`)).rows[0].count;
  for (let [last, now] = ['', await count()]; last !== now; [last, now] = [now, await count()])
    await sleep(3_000);
}

async function checked(crowd, ms) {
  crowd.check();
  await sleep(ms);
}

/** What the tables say. A handling is repeated rightly when the process it was first done in was killed before it acked. */
async function enter({ site: { schema }, database }, events, ledger, log) {
  const killed = new Set(ledger.faults.map(({ by }) => by));
  for (let number = 1; number <= events; number++) ledger.committed(`once-${number}`, 1);
  for (const { number, process } of await rowsOf(database, `SELECT number, process FROM ${schema}.once`))
    ledger.delivered(`once-${number}`, 1, process);
  for (let key = 0; key < KEYS; key++) ledger.committed(`k${key}`, (events * ORDERED) / KEYS);
  const doneBy = new Map();
  let repeated = 0;
  for (const { key, number, process } of await rowsOf(
    database,
    `SELECT key, number, process FROM ${schema}.in_order ORDER BY seq`,
  )) {
    const before = doneBy.get(`${key}-${number}`);
    doneBy.set(`${key}-${number}`, process);
    if (before !== undefined && killed.has(before)) repeated++;
    else ledger.delivered(key, number, process);
  }
  log(`${repeated} ordered events were handled again after the process that had was killed`);
}

const rowsOf = async (database, text) => (await database.query(text)).rows;

/** Nothing may have used up its attempts: being killed is no failure. */
async function deadLetters({ site: { exchange }, channel }) {
  const found = [];
  for (const handler of HANDLERS) {
    const { messageCount } = await channel.checkQueue(`${exchange}.Handlers.${handler}.dlq`);
    if (messageCount > 0) found.push(`${messageCount} dead letters of ${handler}`);
  }
  return found;
}
