import { matchesPattern } from '../../../event/pattern.js';
import type { RecentType } from '../../../store/inspection.js';
import { notice, problem, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';
import type { KnownQueue } from '../known-queue.js';
import { closest } from '../closest.js';

/** So long after its process has announced it a handler's queue is certainly bound, in milliseconds. */
const SETTLED = 30_000;

/** Events of the last day that no queue was bound for when they were published: RabbitMQ gave them back. */
export async function returnedCheck(facts: Facts): Promise<Look> {
  const returned = (await facts.recentTypes()).filter((type) => type.returned > 0);
  const { exchange: ours } = await facts.plan();
  const queues = (await facts.queues()).filter(({ own, alive }) => own || alive.length > 0);
  return {
    findings: returned.map((one) => {
      const exchange = one.exchange ?? ours;
      const there = queues.filter(({ request }) => (request.exchange ?? ours) === exchange);
      const meant = there.filter(({ request }) =>
        request.patterns.some((pattern) => matchesPattern(pattern, one.type)),
      );
      if (meant.length === 0) return unroutable(one, exchange, there);
      const unbound = meant.find((queue) => wasThere(queue, one));
      return unbound ? unboundQueue(one, exchange, unbound) : bygone(one, exchange);
    }),
    remark: 'by the latest events',
  };
}

/** Whether a handler of the queue ran when the last event was returned: bindings cannot be seen, but this shows it. */
const wasThere = ({ alive, broadcast }: KnownQueue, { lastReturnedAt }: RecentType): boolean =>
  !broadcast &&
  lastReturnedAt !== null &&
  alive.some(({ startedAt }) => lastReturnedAt.getTime() > startedAt.getTime() + SETTLED);

const textOf = ({ type, returned, lastReturnedAt, lastReturnedId }: RecentType, exchange: string): string =>
  `${returned} of the latest events of type "${type}" found no queue at exchange "${exchange}", and reached no handler; ` +
  `the last was ${lastReturnedId}, at ${lastReturnedAt?.toISOString()}`;

function unroutable(one: RecentType, exchange: string, queues: readonly KnownQueue[]): Found {
  const patterns = queues.flatMap(({ request }) => request.patterns);
  const like = patterns.find((pattern) => closest(pattern, [one.type])?.isSlip);
  const hint = like === undefined ? '' : ` "${like}" is nearly it.`;
  return problem(
    'events-returned',
    `${textOf(one, exchange)}. No handler that runs is for that type.${hint}`,
    `Start the process whose handler is for it, or correct the handler's pattern. If nobody needs it, stop emitting it. With rabbitmq.unroutable: 'fail' such events are retried, and kept as dead letters.`,
    { ...one, exchange },
  );
}

const unboundQueue = (one: RecentType, exchange: string, { name, handlers }: KnownQueue): Found =>
  problem(
    'binding-missing',
    `${textOf(one, exchange)}, though ${handlers.join(', ')} is for that type and was running: queue "${name}" is not bound, or was not there.`,
    `Restart the process with that handler, which binds its queue anew; or bind it: rabbitmqadmin declare binding source=${exchange} destination=${name} routing_key=${one.type}. If what was returned matters, emit it again.`,
    { ...one, exchange, queue: name, handlers },
  );

const bygone = (one: RecentType, exchange: string): Found =>
  notice(
    'events-returned-before',
    `${textOf(one, exchange)}. A handler is for that type now: they were published before its queue was there.`,
    'If they matter, emit them again. Start handlers before what they handle is emitted.',
    { ...one, exchange },
  );
