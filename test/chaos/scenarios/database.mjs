// A database that is restarted under load, in an orderly way and not. Nothing may be lost, and publishing must go on within
// seconds.
import { setTimeout as sleep } from 'node:timers/promises';
import { startPostgres } from '../../support/postgres.mjs';
import { resolveRabbitMq } from '../../support/rabbitmq.mjs';
import { spentAttempts } from '../attempts.mjs';
import { createGround } from '../ground.mjs';
import { RelayUnderFire } from '../relay-under-fire.mjs';
import { Sinks } from '../sinks.mjs';
import { SteadyLoad } from '../steady-load.mjs';

const OPTIONS = { retention: '7d' };
const PLAN = { keys: 500, workers: 8, retention: OPTIONS.retention };
/** Milliseconds from the database's return to the next events. */
const RECOVERY = 5_000;
/** Milliseconds that a message may be unsettled. */
const MARGIN = 1_500;

/** `seconds` of load before each restart. `patience`: how many times longer recovering may take. */
export const defaults = { seconds: 5, patience: 1, rate: 500 };

export async function servers() {
  const [postgres, rabbit] = await Promise.all([startPostgres(), resolveRabbitMq()]);
  return {
    databaseUrl: postgres.url,
    rabbitUrl: rabbit.url,
    postgres,
    stop: async () => void (await Promise.allSettled([postgres.close(), rabbit.close()])),
  };
}

export default async function database(given, { seconds, rate, patience, seed, ledger, scope, log }) {
  const ground = await createGround(given, scope);
  const sinks = await Sinks.open(given.rabbitUrl, ledger);
  scope.onEnd(() => sinks.close());
  await sinks.consume(ground.sink);
  const load = await SteadyLoad.start(ground.site, { ...PLAN, perSecond: rate, seed }, ledger, scope);
  const relay = new RelayUnderFire('relay-1', ledger, MARGIN);
  scope.onEnd(() => relay.close());
  await relay.start(ground.site, OPTIONS);

  const violations = [];
  for (const [kind, restart] of Object.entries(restarts(given.postgres))) {
    await load.untilFullRate();
    await sleep(seconds * 1_000);
    const recovery = await suffer(kind, restart, { relay, ledger });
    log(`${kind}: events again ${recovery} ms after it`);
    if (recovery > RECOVERY * patience) violations.push(`${kind}: events only after ${recovery} ms`);
  }
  await load.untilFullRate();
  await load.stop();
  await load.untilArrived();
  return { violations: [...violations, ...(await spentAttempts(ground))] };
}

const restarts = (postgres) => ({
  'restarted fast': () => postgres.restart('fast'),
  'restarted immediately': () => postgres.restart('immediate'),
  'killed and started': async () => {
    await postgres.kill();
    await postgres.start();
  },
});

/** Milliseconds until events arrive that were published after the restart. */
async function suffer(kind, restart, { relay, ledger }) {
  const fault = ledger.fault(kind, relay.name, { margin: MARGIN, end: Infinity });
  await restart();
  const back = Date.now();
  fault.end = ledger.now;
  const arrived = ledger.arrived;
  while (ledger.arrived === arrived && Date.now() - back < 60_000) await sleep(20);
  return Date.now() - back;
}
