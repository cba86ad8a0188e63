// An outage of the broker under load: stopped for a while, then blocked by a memory alarm. It must cost no attempt, no event
// and no memory, and publishing must go on as fast as before within seconds.
import { setTimeout as sleep } from 'node:timers/promises';
import { resolvePostgres } from '../../support/postgres.mjs';
import { startRabbitMq } from '../../support/rabbitmq.mjs';
import { spentAttempts } from '../attempts.mjs';
import { createGround } from '../ground.mjs';
import { MemoryWatch } from '../memory-watch.mjs';
import { RelayUnderFire } from '../relay-under-fire.mjs';
import { Sinks } from '../sinks.mjs';
import { SteadyLoad } from '../steady-load.mjs';

const MEGABYTE = 1024 * 1024;
const OPTIONS = { retention: '7d', rabbitmq: { connection: { reconnectDelay: '500ms' } } };
const PLAN = { keys: 500, workers: 8, retention: OPTIONS.retention };
/** What an outage may cost: megabytes, and milliseconds. */
const LIMITS = { growth: 30, recovery: 3_000 };
/** Milliseconds that a message may be on its way. */
const MARGIN = 1_500;

/** `seconds` of the outage; the alarm lasts half as long. `patience`: how many times longer recovering may take. */
export const defaults = { seconds: 60, patience: 1, rate: 1_000 };

export async function servers() {
  const [postgres, rabbit] = await Promise.all([resolvePostgres(), startRabbitMq()]);
  return {
    databaseUrl: postgres.url,
    rabbitUrl: rabbit.url,
    rabbit,
    stop: async () => void (await Promise.allSettled([postgres.close(), rabbit.close()])),
  };
}

export default async function broker(given, { seconds, rate, patience, seed, ledger, scope, log }) {
  const { rabbit } = given;
  const ground = await createGround(given, scope);
  await rabbit.flush();
  const load = await SteadyLoad.start(ground.site, { ...PLAN, perSecond: rate, seed }, ledger, scope);
  // With a backlog to begin with, the relay soon has all the memory that publishing takes.
  await sleep(Math.max(5_000, seconds * 250));
  const sinks = await Sinks.open(given.rabbitUrl, ledger);
  scope.onEnd(() => sinks.close());
  await sinks.consume(ground.sink);
  const relay = new RelayUnderFire('relay-1', ledger, MARGIN);
  scope.onEnd(() => relay.close());
  await relay.start(ground.site, OPTIONS);
  const memory = new MemoryWatch(relay);
  await load.untilCaughtUp();
  await sleep(3_000);

  const violations = [];
  for (const outage of outages(rabbit, seconds)) {
    violations.push(...(await suffer(outage, patience, { relay, memory, ledger, load, log })));
  }
  memory.stop();
  await load.stop();
  await load.untilArrived();
  return { violations: [...violations, ...(await spentAttempts(ground))] };
}

const outages = (rabbit, seconds) => [
  { kind: 'stopped', seconds, begin: () => rabbit.stop(), end: () => rabbit.start() },
  {
    kind: 'memory alarm',
    seconds: seconds / 2,
    begin: () => rabbit.alarm(true),
    end: () => rabbit.alarm(false),
  },
];

/** Memory is that of the outage and of catching up, beside the most there ever was before. */
async function suffer({ kind, seconds, begin, end }, patience, { relay, memory, ledger, load, log }) {
  const before = memory.highest;
  const fault = ledger.fault(kind, relay.name, { margin: MARGIN, end: Infinity });
  log(`${kind}, for ${seconds} s`);
  await begin();
  await sleep(seconds * 1_000);
  await end();
  const recovery = await load.untilFullRate();
  fault.end = ledger.now;
  await load.untilCaughtUp();
  const growth = Math.max(0, memory.highest - before) / MEGABYTE;
  log(`${kind}: full rate again ${recovery} ms after its end, the relay grew by ${growth.toFixed(1)} MB`);
  return [
    ...(recovery > LIMITS.recovery * patience ? [`${kind}: full rate only after ${recovery} ms`] : []),
    ...(growth > LIMITS.growth ? [`${kind}: the relay grew by ${growth.toFixed(1)} MB`] : []),
  ];
}
