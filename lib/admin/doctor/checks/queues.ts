import type { TopologyReport } from '../../../broker/topology-report.js';
import { notice, problem, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';
import type { KnownQueue } from '../known-queue.js';

/** What handlers need on RabbitMQ, and whether anybody consumes it. */
export async function queuesCheck(facts: Facts): Promise<Look> {
  const queues = await facts.queues();
  const used = queues.filter(({ own, alive }) => own || alive.length > 0);
  const findings: Found[] = [];
  const reports: Report[] = [];
  for (const same of groups(used)) {
    const [first] = same as [KnownQueue, ...KnownQueue[]];
    const requests = same.flatMap((queue) => queue.requests);
    reports.push({
      ...(await facts.parts.broker.compare(first.plan, requests)),
      isDeclared: first.topology === 'assert',
    });
  }
  const ownNames = new Set(used.flatMap(({ requests }) => requests.map(({ queue }) => `queue "${queue}"`)));
  const missing = [...new Set(reports.flatMap((report) => report.missing))];
  findings.push(...missing.filter((thing) => !ownNames.has(thing)).map(absent));
  findings.push(...differing(reports));
  for (const queue of queues)
    for (const { queue: name } of queue.requests)
      findings.push(...(await consumed({ ...queue, name }, facts)));
  findings.push(...(await exchangesOfEvents(facts, missing)));
  const uncompared = reports.flatMap((report) => report.uncompared).length;
  const remark = [
    `${queues.length} known`,
    uncompared > 0 &&
      `the arguments of ${uncompared} could not be compared, as our user may not configure them`,
  ];
  return { findings, remark: remark.filter(Boolean).join('; ') };
}

/** Processes that were set up alike. */
function groups(queues: readonly KnownQueue[]): KnownQueue[][] {
  const alike = new Map<string, KnownQueue[]>();
  for (const queue of queues) {
    const key = JSON.stringify([queue.plan, queue.topology]);
    alike.set(key, [...(alike.get(key) ?? []), queue]);
  }
  return [...alike.values()];
}

const DECLARE =
  "Start a process with the handler and rabbitmq.topology: 'assert', which declares it; or provide it beforehand: npx outbox " +
  'topology export --app dist/app.module.js#AppModule > definitions.json.';

const absent = (thing: string): Found =>
  problem(
    thing.startsWith('queue') ? 'queue-missing' : 'exchange-missing',
    `RabbitMQ has no ${thing}: somebody has deleted it, or it was never declared.`,
    DECLARE,
    { thing },
  );

/** Of processes that declare what they need, or of some that take it as it was provided. */
type Report = TopologyReport & { readonly isDeclared: boolean };

/** What is provided may differ on purpose; a process that declares it does not start. */
function differing(reports: readonly Report[]): Found[] {
  const mismatches = reports.flatMap((report) =>
    report.mismatches.map((mismatch) => ({ mismatch, isDeclared: report.isDeclared })),
  );
  const distinct = new Map(mismatches.map((one) => [one.mismatch.name, one]));
  return [...distinct.values()].map(({ mismatch, isDeclared }) => {
    const { kind, name, argument, declared, actual } = mismatch;
    const level = isDeclared ? problem : notice;
    return level(
      `${kind}-mismatch`,
      `The ${kind} "${name}" has ${argument} = ${actual}, and the application would declare it with ${declared}: an option was changed, or somebody else has declared it.`,
      `Set the option back; or let the ${kind} run empty, delete it (rabbitmqctl delete_${kind} ${name}), and restart the application, which declares it anew.`,
      { ...mismatch },
    );
  });
}

async function consumed(queue: KnownQueue, facts: Facts): Promise<Found[]> {
  // Those of each process have names that nobody knows.
  if (queue.broadcast) return [];
  const { name, alive, own } = queue;
  const depth = await facts.depth(name);
  const details = { queue: name, handlers: queue.handlers, ...depth };
  if (!depth) return alive.length > 0 || own ? [withoutQueue(queue)] : [];
  if (depth.consumers > 0) return [];
  if (alive.length > 0)
    return [
      problem(
        'handler-not-consuming',
        `Queue "${name}" has no consumer, though ${who(queue)} should be one; ${depth.messages} events wait.`,
        'If it was paused, OutboxConsumers.resume(); else look into the log of that process for what RabbitMQ refuses it.',
        details,
      ),
    ];
  return [unconsumed(queue, depth.messages, details)];
}

const who = ({ alive, handlers }: KnownQueue) =>
  `${handlers.join(', ')} (${alive.map(({ host }) => host).join(', ')})`;

function withoutQueue(queue: KnownQueue): Found {
  const { name, alive, handlers } = queue;
  const handler = handlers.length > 0 ? `Handler ${handlers.join(', ')}` : 'A handler of this application';
  return problem(
    'handler-without-queue',
    `${handler} has no queue: there is no "${name}" on RabbitMQ, so that events for it are not kept. ${
      alive.length > 0
        ? 'Somebody has deleted it.'
        : 'No process with it has run yet, or somebody has deleted it.'
    }`,
    `${DECLARE} What was published meanwhile is in the outbox, for as long as its retention.`,
    { queue: name, handlers },
  );
}

function unconsumed(
  { name, handlers, last, own }: KnownQueue,
  messages: number,
  details: Found['details'],
): Found {
  const since = last ? ` since ${last.seenAt.toISOString()}, when ${handlers.join(', ')} did` : '';
  const level = messages > 0 || own ? problem : notice;
  return level(
    'queue-unconsumed',
    `Nobody consumes queue "${name}"${since}, and it goes on receiving events; ${messages} wait.`,
    `Start the process with that handler. If the handler was renamed, give it { queue: '${name}' }; if it is gone for good, delete the queue and its dead letters: rabbitmqctl delete_queue ${name}.`,
    details,
  );
}

/** Events can name an exchange of their own; one that is not there is their death. */
async function exchangesOfEvents(facts: Facts, missing: readonly string[]): Promise<Found[]> {
  const { broker } = facts.parts;
  // Without the database, which another check tells of, there is still our own exchange to look for.
  const types = await facts.recentTypes().catch(() => []);
  const { exchange: ours } = await facts.plan();
  const names = new Set([ours, ...types.flatMap(({ exchange, isCurrent }) => (isCurrent && exchange) || [])]);
  const absentOnes: Found[] = [];
  for (const name of names) {
    const thing = `exchange "${name}"`;
    if (!missing.includes(thing) && !(await broker.hasExchange(name)))
      absentOnes.push(
        problem(
          'exchange-missing',
          `RabbitMQ has no ${thing}, which events are published to: they fail, and die in the end.`,
          name === ours
            ? `A relay that connects declares it, unless rabbitmq.topology is 'check' or 'none': then declare it as a durable topic exchange. What has died meanwhile: npx outbox requeue --where publishing.`
            : 'Declare it anew, or have emit() name another. What has died meanwhile: npx outbox requeue --where publishing.',
          { thing },
        ),
      );
  }
  return absentOnes;
}
