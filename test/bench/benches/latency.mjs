// From the commit to the start of the handler: in one process, and with emitter, relay and handler in a process each.
import { inTurn, quantile } from '../measure.mjs';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 3);
const RATES = [50, 1_000];
/** Not counted. */
const WARM_UP = 1;
const SECONDS = Number(process.env.BENCH_SECONDS ?? 5);

const NONE = { relay: { enabled: false }, consumers: { enabled: false } };
const HANDLING = { relay: { enabled: false }, consumers: { enabled: true } };
/** Roles of the processes of a case. The first emits, the last handles. */
const CASES = {
  one: [{ consumers: { enabled: true } }],
  three: [NONE, { consumers: { enabled: false } }, HANDLING],
};

export default async function latency(scope) {
  const runs = { broker: await startBroker(scope) };
  for (const [name, roles] of Object.entries(CASES)) runs[name] = await startCase(scope, name, roles);
  const cases = Object.entries(runs).flatMap(([name, run]) =>
    RATES.map((perSecond) => [`${name}${perSecond}`, () => run(perSecond)]),
  );
  return { figures: await inTurn(ROUNDS, Object.fromEntries(cases)) };
}

async function startBroker(scope) {
  const stage = await scope.stage('latency_broker');
  const broker = scope.process('broker-latency');
  await broker.call('start', stage.site);
  return async (perSecond) =>
    quantiles(await broker.call('publish', perSecond, eventsAt(perSecond)), perSecond);
}

async function startCase(scope, name, roles) {
  const queue = `bench_latency_${name}.handle`;
  const stage = await scope.stage(`latency_${name}`, { handlerQueues: [queue] });
  const processes = [];
  for (const role of roles) {
    const app = scope.process('app');
    await app.call('start', stage.site, { retention: 0, ...role }, queue);
    processes.push(app);
  }
  return async (perSecond) => {
    await stage.settle();
    return run(processes.at(0), processes.at(-1), perSecond);
  };
}

async function run(emitter, handler, perSecond) {
  const events = eventsAt(perSecond);
  await handler.call('expect', events);
  const { committing, committed } = await emitter.call('emit', perSecond, events);
  const handled = await handler.call('handlings');
  const since = (times) =>
    quantiles(
      handled.map((time, n) => time - times[n]),
      perSecond,
    );
  const sent = since(committing);
  return { ...since(committed), p50SinceSent: sent.p50, p99SinceSent: sent.p99 };
}

const eventsAt = (perSecond) => perSecond * (WARM_UP + SECONDS);

function quantiles(times, perSecond) {
  const counted = times.slice(perSecond * WARM_UP);
  return { p50: quantile(counted, 0.5), p99: quantile(counted, 0.99) };
}
