import { matchesPattern } from '../../../event/pattern.js';
import { notice, problem, Skipped, type Found, type Look } from '../diagnosis.js';
import type { Facts } from '../facts.js';
import { closest } from '../closest.js';

interface Pattern {
  readonly pattern: string;
  readonly queue: string;
  readonly handlers: readonly string[];
}

/**
 * Patterns that none of the latest events matches. They may be for events of somebody else's, whom we do not know; but one
 * that is nearly a type of ours is a slip.
 */
export async function patternsCheck(facts: Facts): Promise<Look> {
  const { exchange } = await facts.plan();
  const types = (await facts.recentTypes())
    .filter((type) => type.exchange === null || type.exchange === exchange)
    .map(({ type }) => type);
  if (types.length === 0) throw new Skipped('no events are in the outbox to compare with');
  const idle = (await patternsOn(exchange, facts)).filter(
    ({ pattern }) => !types.some((type) => matchesPattern(pattern, type)),
  );
  return { findings: idle.map((one) => unmatched(one, types)), remark: `by the latest events` };
}

async function patternsOn(exchange: string, facts: Facts): Promise<Pattern[]> {
  const queues = (await facts.queues()).filter(({ own, alive }) => own || alive.length > 0);
  return queues.flatMap(({ name, handlers, request, last }) =>
    (request.exchange ?? exchange) === exchange
      ? request.patterns.map((pattern) => ({ pattern, queue: name, handlers: last?.handlers ?? handlers }))
      : [],
  );
}

function unmatched({ pattern, queue, handlers }: Pattern, types: readonly string[]): Found {
  const like = closest(pattern, types);
  const who = handlers.length > 0 ? handlers.join(', ') : `the handler of queue "${queue}"`;
  const details = { pattern, queue, handlers, closest: like?.type ?? null };
  if (!like?.isSlip)
    return notice(
      'pattern-unmatched',
      `No event of this outbox matches "${pattern}", which ${who} is for.${like ? ` The nearest that is emitted is "${like.type}".` : ''}`,
      'Nothing, if events come from another service, or seldom. Else compare it with the types that are emitted.',
      details,
    );
  return problem(
    'pattern-unmatched',
    `No event matches "${pattern}", which ${who} is for; but "${like.type}" is emitted. The handler never runs.`,
    `If it is a slip, write @OnEvent('${like.type}'). A "*" is exactly one word, a "#" any number of them.`,
    details,
  );
}
