// What waking the relay costs those who emit: committing transactions per second, with wake-ups and with polling alone,
// when the relay is in another process, and when it is in the emitter's own.
import { inTurn, ratio } from '../measure.mjs';

const TRANSACTIONS = Number(process.env.BENCH_EVENTS ?? 8_000);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const CONNECTIONS = 8;

export default async function wake(scope) {
  const stage = await scope.stage('wake');
  const cases = {
    on: await elsewhere(scope, stage, 'auto'),
    off: await elsewhere(scope, stage, 'poll'),
    inProcessOn: await inProcess(scope, stage, 'auto'),
    inProcessOff: await inProcess(scope, stage, 'poll'),
  };
  const figures = await inTurn(ROUNDS, cases);
  return {
    figures,
    ratios: {
      wake: ratio(figures.on, figures.off),
      inProcess: ratio(figures.inProcessOn, figures.inProcessOff),
    },
  };
}

/** The relay publishes all the while, in both cases: it is part of what shares the machine. */
async function elsewhere(scope, stage, wakeUp) {
  const site = await stage.sibling(wakeUp);
  const relay = scope.process('relay');
  await relay.call('start', site, { retention: 0, relay: { wakeUp } });
  return startEmitter(scope, stage, site, { relay: { enabled: false, wakeUp } }, relay);
}

async function inProcess(scope, stage, wakeUp) {
  const site = await stage.sibling(`in_process_${wakeUp}`);
  return startEmitter(scope, stage, site, { retention: 0, relay: { wakeUp } });
}

async function startEmitter(scope, stage, site, options, relay) {
  const emitter = scope.process('emitter');
  await emitter.call('start', site, options, CONNECTIONS);
  const publisher = relay ?? emitter;
  return async () => {
    await stage.purge();
    const perSecond = await emitter.call('emit', TRANSACTIONS, CONNECTIONS);
    await publisher.call('published', TRANSACTIONS);
    return perSecond;
  };
}
