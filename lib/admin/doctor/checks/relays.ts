import type { SeenRelay } from '../../../store/inspection.js';
import { durationText } from '../../../policy/duration.js';
import { notice, problem, type Found, type Look } from '../diagnosis.js';
import type { Facts, Here } from '../facts.js';

/** Relays say every five seconds that they live; in milliseconds. */
const SILENCE_OF_THE_DEAD = 15_000;

export async function relaysCheck(facts: Facts): Promise<Look> {
  const relays = await facts.relays();
  const alive = relays.filter(({ silence }) => silence < SILENCE_OF_THE_DEAD);
  const silent = relays.filter((relay) => !alive.includes(relay));
  const { here } = facts.parts;
  const findings = [
    ...silent.flatMap((relay) => silentRelay(relay, here, alive)),
    ...(alive.length === 0 ? [noRelay(silent)] : []),
    ...alive.flatMap((relay) => troubles(relay)),
    ...pauses(alive),
  ];
  return { findings, remark: `${alive.length} running` };
}

const nameOf = ({ service, host, pid }: SeenRelay) => `of ${service} on ${host}, process ${pid}`;

const detailsOf = ({ id, service, host, pid, lanes, seenAt, silence }: SeenRelay) => ({
  relay: id,
  service,
  host,
  pid,
  lanes,
  seenAt,
  silence: Math.round(silence),
});

const ago = (ms: number) => durationText(Math.max(1, Math.round(ms / 1_000)) * 1_000);

function noRelay(silent: readonly SeenRelay[]): Found {
  const [last] = silent;
  const before = last ? ` The last, ${nameOf(last)}, was heard of ${ago(last.silence)} ago.` : '';
  return problem(
    'relay-missing',
    `No relay is running, so nothing is published.${before}`,
    'Start a process with relay.enabled (the default), or npx outbox relay. If one should be running, look into its log: it ' +
      'may not have started, or not reach this database.',
    last ? detailsOf(last) : {},
  );
}

/** Whether it is frozen or was killed shows where it runs, or by its connection. */
function silentRelay(relay: SeenRelay, { host, isRunning }: Here, alive: readonly SeenRelay[]): Found[] {
  // In containers, who comes after it has its name and its number.
  const hasSuccessor = alive.some((other) => other.host === relay.host && other.pid === relay.pid);
  const exists = !hasSuccessor && (relay.host === host ? isRunning(relay.pid) : relay.seated);
  const since = `The relay ${nameOf(relay)}, has not been heard of for ${ago(relay.silence)}`;
  if (exists)
    return [
      problem(
        'relay-frozen',
        `${since}, though its process is there: it is frozen, its event loop is blocked, or it cannot reach the database.`,
        'Look at that process (stopped? at full load? out of memory?), and end it if it does not recover: other relays take ' +
          'over its share of the keys, at the latest after relay.publishTimeout.',
        detailsOf(relay),
      ),
    ];
  if (alive.length === 0) return [];
  return [
    notice(
      'relay-gone',
      `${since}: it was killed, or is cut off. The others have taken over.`,
      'Nothing, unless it should be running: then look why it ended. Its entry goes after a day.',
      detailsOf(relay),
    ),
  ];
}

function troubles(relay: SeenRelay): Found[] {
  const { breaker, reason, brokerReady } = relay.report as {
    breaker?: unknown;
    reason?: unknown;
    brokerReady?: unknown;
  };
  const why = typeof reason === 'string' && reason !== '' ? `: ${reason}` : '';
  if (brokerReady === false)
    return [
      problem(
        'relay-without-broker',
        `The relay ${nameOf(relay)}, cannot publish: RabbitMQ is away, refuses it or has blocked it${why}. No attempt is spent, and nothing is lost.`,
        'See that RabbitMQ runs and that this process reaches it (rabbitmq-diagnostics check_running, check_local_alarms); ' +
          'publishing then goes on by itself.',
        { ...detailsOf(relay), reason: reason ?? null },
      ),
    ];
  if (breaker !== 'open') return [];
  return [
    problem(
      'breaker-open',
      `The relay ${nameOf(relay)}, has paused${why}. It tries again every few seconds.`,
      'Remove what the reason names; publishing then goes on by itself.',
      { ...detailsOf(relay), reason: reason ?? null },
    ),
  ];
}

function pauses(alive: readonly SeenRelay[]): Found[] {
  const paused = alive.filter(({ report }) => report['paused'] === true);
  const level = paused.length === alive.length ? problem : notice;
  return paused.map((relay) =>
    level(
      'relay-paused',
      `The relay ${nameOf(relay)}, was paused by OutboxRelay.pause().`,
      'Call resume() in that process, or restart it.',
      detailsOf(relay),
    ),
  );
}
