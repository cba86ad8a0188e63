// Order: relays come and go, are killed, frozen and cut off, while the broker refuses some events. Each key must arrive in
// the order it was emitted in, nothing may be lost, and what arrives twice must have been in flight when something happened
// to who published it.
import { setTimeout as sleep } from 'node:timers/promises';
import { ModuleProcess } from '../../support/module-process.mjs';
import { spentAttempts } from '../attempts.mjs';
import { Crowd } from '../crowd.mjs';
import { Gates } from '../gates.mjs';
import { Sinks } from '../sinks.mjs';
import { createGround } from '../ground.mjs';

const KEYS = 500;
const RETENTION = '7d';
/** Milliseconds, times `patience`: an answer that comes later is taken for none, and no fault explains the duplicate. */
const PUBLISH_TIMEOUT = 1_000;
const optionsFor = (patience) => ({
  retention: RETENTION,
  shutdownTimeout: '10s',
  rabbitmq: { unroutable: 'fail', connection: { reconnectDelay: 100 } },
  relay: {
    pollInterval: 200,
    publishTimeout: PUBLISH_TIMEOUT * patience,
    retry: { attempts: 1_000, backoff: { delay: 50, maxDelay: 1_000 } },
  },
});
/** Longer freezes than the database's patience, which is the publish timeout but three seconds at least, are among them. */
const LONGEST = PUBLISH_TIMEOUT * 6;

const FAULTS = {
  kill: { weight: 3, make: (relay) => relay.kill() },
  freeze: { weight: 3, make: (relay, random) => relay.freeze(random.between(200, LONGEST)) },
  cutDatabase: { weight: 2, make: (relay) => relay.cut('database') },
  cutBroker: { weight: 2, make: (relay) => relay.cut('broker') },
  stallDatabase: {
    weight: 1,
    make: (relay, random) => relay.stall('database', random.between(200, LONGEST)),
  },
  stallBroker: { weight: 1, make: (relay, random) => relay.stall('broker', random.between(200, LONGEST)) },
};

export const defaults = { events: 200_000, patience: 1 };

export default async function relay(servers, { events, patience, random, ledger, scope, log }) {
  const options = optionsFor(patience);
  const ground = await createGround(servers, scope);
  const gates = await Gates.open(ground);
  const sinks = await Sinks.open(servers.rabbitUrl, ledger);
  scope.onEnd(() => sinks.close());
  await sinks.consume(ground.sink);
  await sinks.consume(gates.narrowQueue, { prefetch: 2, pause: 10 });

  const emitter = new ModuleProcess(new URL('../processes/emitter.mjs', import.meta.url));
  scope.onEnd(() => emitter.end());
  await emitter.call('start', ground.site, plan(events, random, gates));
  const crowd = Crowd.of(ground.site, options, ledger, random);
  scope.onEnd(() => crowd.close());
  crowd.wanted = 1;
  crowd.keep();

  let emitting = true;
  const emission = emitter.call('run').finally(() => (emitting = false));
  const faults = making(() => emitting, crowd, gates, random);
  while (emitting) {
    await Promise.race([sleep(1_000), emission]);
    const { total, committed } = await emitter.call('progress');
    committed.forEach((count, key) => ledger.committed(key, count));
    crowd.wanted = wanted(total / events);
    crowd.check();
    log(
      `${total} committed, ${ledger.arrived} arrived, ${crowd.size} relays, ${ledger.faults.length} faults`,
    );
  }
  await faults;
  await gates.openAll();
  crowd.wanted = 1;
  await allArrived(ledger, crowd, log);
  return { violations: await spentAttempts(ground) };
}

function plan(events, random, gates) {
  return {
    seed: random.between(0, 2 ** 31),
    keys: KEYS,
    events,
    workers: 12,
    perSecond: Math.max(400, Math.min(2_500, events / 15)),
    rolledBack: 0.05,
    slow: 0.02,
    retention: RETENTION,
    kinds: gates.kinds,
  };
}

/** 1 → 4 → 1, by the share of events that are committed. */
function wanted(share) {
  const steps = [
    [0.1, 1],
    [0.2, 2],
    [0.3, 3],
    [0.7, 4],
    [0.8, 3],
    [0.9, 2],
  ];
  return steps.find(([until]) => share < until)?.[1] ?? 1;
}

async function making(goesOn, crowd, gates, random) {
  const underWay = [];
  while (goesOn()) {
    await sleep(random.between(200, 1_200));
    if (random.chance(0.3)) await gates.turn(random);
    const name = random.weighted(
      Object.fromEntries(Object.entries(FAULTS).map(([key, { weight }]) => [key, weight])),
    );
    const { victim } = crowd;
    if (victim) underWay.push(FAULTS[name].make(victim, random));
  }
  await Promise.all(underWay);
}

/** Resolves when everything has arrived, or nothing more does. */
async function allArrived(ledger, crowd, log) {
  let alive = ledger.now;
  while (ledger.arrived < ledger.events && ledger.now - Math.max(ledger.lastArrival, alive) < 30_000) {
    await sleep(500);
    crowd.check();
    // On a busy machine a relay is long in starting.
    if (crowd.size === 0) alive = ledger.now;
    log(`${ledger.arrived} of ${ledger.events} arrived, ${crowd.size} relays`);
  }
  // What was published twice at the very end arrives now.
  await sleep(1_000);
}
