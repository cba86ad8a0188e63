import { Scope } from '../bench/scope.mjs';
import { startServers } from '../bench/servers.mjs';
import { Ledger } from './ledger.mjs';
import { Random } from './random.mjs';

const SHOWN = 20;

/** Plays a scenario and judges it. `violations` are what must not be, in words. */
export async function play(url, name, settings) {
  const { default: scenario, defaults, servers: ownServers } = await import(url.href);
  const servers = await (ownServers ?? sharedServers)(settings);
  const scope = new Scope(servers);
  const ledger = new Ledger();
  const started = Date.now();
  const log = (text) => console.log(`${((Date.now() - started) / 1_000).toFixed(1)} s: ${text}`);
  log(`seed ${settings.seed}`);
  try {
    const random = new Random(settings.seed);
    const outcome = await scenario(servers, { ...defaults, ...settings, random, ledger, scope, log });
    return judge(name, settings.seed, ledger, outcome);
  } finally {
    await scope.end();
    await servers.stop();
  }
}

const sharedServers = ({ pooler }) => startServers({ durable: false, pooler });

function judge(name, seed, ledger, outcome) {
  const { lost, duplicates, unexplained, inversions } = ledger.verdict();
  const violations = [
    ...inWords('lost', lost),
    ...inWords('arrived again, and nothing explains it', unexplained),
    ...inWords('out of order', inversions),
    ...outcome.violations,
  ];
  console.table(ledger.faultCounts());
  return {
    report: {
      chaos: name,
      seed,
      events: ledger.events,
      faults: ledger.faults.length,
      lost: lost.length,
      duplicates: duplicates.length,
      unexplained: unexplained.length,
      inversions: inversions.length,
    },
    violations: violations.length > 0 ? [...timeline(ledger), ...violations] : [],
  };
}

function inWords(what, cases) {
  const shown = cases.slice(0, SHOWN).map((one) => `${what}: ${JSON.stringify(one)}`);
  return cases.length > SHOWN ? [...shown, `${what}: ${cases.length - SHOWN} more`] : shown;
}

/** What was done to whom, to see what went wrong by it. */
const timeline = ({ faults }) =>
  faults.map(({ kind, by, start, end }) => `${start} to ${end} ms: ${by} ${kind}`);
