import { matchesPattern } from '../../../event/pattern.js';
import type { RecentType } from '../../../store/inspection.js';
import { notice, problem, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';
import { closest } from '../closest.js';

/** Events of the last day that no queue was bound for when they were published: RabbitMQ gave them back. */
export async function returnedCheck(facts: Facts): Promise<Look> {
  const returned = (await facts.recentTypes()).filter((type) => type.returned > 0);
  const { plan } = facts.parts.application;
  const patterns = (await facts.queues()).flatMap(({ request }) =>
    request.patterns.map((pattern) => ({ pattern, exchange: request.exchange ?? plan.exchange })),
  );
  return {
    findings: returned.map((one) => {
      const exchange = one.exchange ?? plan.exchange;
      const here = patterns.filter((each) => each.exchange === exchange).map(({ pattern }) => pattern);
      return here.some((pattern) => matchesPattern(pattern, one.type))
        ? bygone(one, exchange)
        : unroutable(one, exchange, here);
    }),
    remark: 'by the latest events',
  };
}

const textOf = ({ type, returned, lastReturnedAt, lastReturnedId }: RecentType, exchange: string): string =>
  `${returned} of the latest events of type "${type}" found no queue at exchange "${exchange}", and reached no handler; ` +
  `the last was ${lastReturnedId}, at ${lastReturnedAt?.toISOString()}`;

function unroutable(one: RecentType, exchange: string, patterns: readonly string[]): Found {
  const like = patterns.find((pattern) => closest(pattern, [one.type]) !== undefined);
  const hint = like === undefined ? '' : ` "${like}" is nearly it.`;
  return problem(
    'events-returned',
    `${textOf(one, exchange)}. No handler on record is for that type.${hint}`,
    `Start the process whose handler is for it, or correct the handler's pattern. If nobody needs it, stop emitting it. With rabbitmq.unroutable: 'fail' such events are retried, and kept as dead letters.`,
    { ...one, exchange },
  );
}

const bygone = (one: RecentType, exchange: string): Found =>
  notice(
    'events-returned-before',
    `${textOf(one, exchange)}. A handler is for that type now: they were published before its queue was there.`,
    'If they matter, emit them again. Start handlers before what they handle is emitted.',
    { ...one, exchange },
  );
