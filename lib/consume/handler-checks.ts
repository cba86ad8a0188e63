import type { StandardSchemaV1 } from '@standard-schema/spec';
import { describeValue } from '../errors/describe-value.js';
import { InvalidHandlerError } from '../errors/invalid-handler.error.js';
import { patternProblem, patternsOverlap } from '../event/pattern.js';
import { resolveInbox, type HandlerInbox } from '../options/inbox.js';
import { resolveRetry } from '../options/retry.js';
import { handlerTimeout, queueExpiration } from '../options/schema.js';
import { durationText, type Duration } from '../policy/duration.js';
import { MOST_PARTITIONS, partitionName } from '../policy/partitions.js';
import type { RetryPolicy } from '../policy/retry.js';
import type { Handler } from './handler.js';
import type { OnEventOptions } from './on-event.decorator.js';
import { takesContextFirst } from './payload/payload-shape.js';

/* What can be wrong with a handler. Each throws an InvalidHandlerError, at start. */

export function assertPatterns(handler: string, patterns: readonly string[]): void {
  if (patterns.length === 0) throw new InvalidHandlerError(handler, 'at least one pattern is needed');
  for (const pattern of patterns) {
    const problem = patternProblem(pattern);
    if (problem) throw new InvalidHandlerError(handler, `${problem}.`);
  }
}

/** All options there are. */
export const HANDLER_OPTIONS: ReadonlySet<string> = new Set<keyof OnEventOptions>([
  'queue',
  'prefetch',
  'concurrency',
  'timeout',
  'retry',
  'inbox',
  'batch',
  'schema',
  'expiration',
  'broadcast',
  'ordered',
  'onDead',
  'partitions',
  'exchange',
  'outbox',
]);

export function assertKnown(handler: string, options: OnEventOptions): void {
  const unknown = Object.keys(options).find((option) => !HANDLER_OPTIONS.has(option));
  if (unknown !== undefined) throw new InvalidHandlerError(handler, `"${unknown}" is not an option.`);
}

export function assertOutbox(handler: string, asked: string | undefined, outboxes: readonly string[]): void {
  if (outboxes.includes(asked ?? 'default')) return;
  const names = outboxes.map((name) => `'${name}'`).join(', ');
  throw new InvalidHandlerError(
    handler,
    asked === undefined
      ? `there is no outbox without a name in this application; say which one by { outbox }: ${names}.`
      : `outbox ${describeValue(asked)} is none of this application's, which are: ${names}.`,
  );
}

export function queueName(handler: string, queue: unknown): string {
  const bytes = typeof queue === 'string' ? Buffer.byteLength(queue) : 0;
  if (typeof queue === 'string' && bytes >= 1 && bytes <= 240 && !queue.startsWith('amq.')) return queue;
  throw new InvalidHandlerError(
    handler,
    `queue must be a name of 1 to 240 bytes that does not begin with "amq.", got ${describeValue(queue)}.`,
  );
}

export function flag(handler: string, option: string, value: boolean | undefined): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  throw new InvalidHandlerError(handler, `${option} must be true or false, got ${describeValue(value)}.`);
}

export function exchange(handler: string, name: string | undefined): string | undefined {
  if (name === undefined || /^[^\p{Cc}]{1,127}$/u.test(name)) return name;
  throw new InvalidHandlerError(
    handler,
    `exchange must be the name of an exchange, got ${describeValue(name)}.`,
  );
}

export function expiration(handler: string, value: Duration | undefined): number | undefined {
  if (value === undefined) return undefined;
  const { success, data, error } = queueExpiration.safeParse(value);
  if (success) return data;
  throw new InvalidHandlerError(
    handler,
    `expiration ${error.issues[0]?.message}, got ${describeValue(value)}.`,
  );
}

export function prefetch(handler: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw new InvalidHandlerError(
    handler,
    `prefetch must be an integer from 1 to 65535, got ${describeValue(value)}.`,
  );
}

/** More than are delivered cannot run. */
export function concurrency(handler: string, value: number | undefined, prefetched: number): number {
  if (value === undefined) return prefetched;
  if (Number.isInteger(value) && value >= 1 && value <= prefetched) return value;
  throw new InvalidHandlerError(
    handler,
    `concurrency must be an integer from 1 to its prefetch (${prefetched}), got ${describeValue(value)}.`,
  );
}

export function timeout(handler: string, value: Duration): number {
  const { success, data, error } = handlerTimeout.safeParse(value);
  if (success) return data;
  throw new InvalidHandlerError(handler, `timeout ${error.issues[0]?.message}, got ${describeValue(value)}.`);
}

export function assertPayloadFirst(handler: string, prototype: object, method: string): void {
  if (!takesContextFirst(prototype, method)) return;
  throw new InvalidHandlerError(
    handler,
    'its first parameter is the context, where the payload is given. Make it the second, or decorate it with @Ctx().',
  );
}

export function schema(handler: string, value: StandardSchemaV1 | undefined): StandardSchemaV1 | undefined {
  if (value === undefined || typeof value?.['~standard']?.validate === 'function') return value;
  throw new InvalidHandlerError(
    handler,
    `schema must be a Standard Schema (zod, valibot, arktype …), got ${describeValue(value)}.`,
  );
}

export function retry(handler: string, options: Parameters<typeof resolveRetry>[0]): RetryPolicy {
  try {
    return resolveRetry(options);
  } catch (error) {
    throw new InvalidHandlerError(
      handler,
      `retry ${(error as Error).message}, got ${describeValue(options)}.`,
    );
  }
}

export function order(
  handler: string,
  queue: string,
  { ordered, onDead = 'park', partitions, broadcast, batch }: OnEventOptions,
): Pick<Handler, 'ordered' | 'onDead' | 'partitions'> {
  const wrong = (what: string) => new InvalidHandlerError(handler, what);
  const isOrdered = flag(handler, 'ordered', ordered);
  if (onDead !== 'park' && onDead !== 'continue')
    throw wrong(`onDead must be 'park' or 'continue', got ${describeValue(onDead)}.`);
  if (onDead !== 'park' && !isOrdered) throw wrong('onDead is for ordered handlers.');
  if (isOrdered && broadcast)
    throw wrong(
      'ordered and broadcast do not go together: what is parked waits for no process in particular.',
    );
  if (isOrdered && batch)
    throw wrong('ordered and batch do not go together: events of a key are handled one after the other.');
  if (partitions !== undefined) {
    if (!Number.isInteger(partitions) || partitions < 1 || partitions > MOST_PARTITIONS)
      throw wrong(
        `partitions must be an integer from 1 to ${MOST_PARTITIONS}, got ${describeValue(partitions)}.`,
      );
    if (!isOrdered)
      throw wrong('partitions are for ordered handlers: other queues have all replicas at once.');
    queueName(handler, partitionName(queue, partitions));
  }
  return { ordered: isOrdered, onDead, partitions };
}

/** It is one queue, so it is of one kind. */
export function assertAgreeing(handlers: readonly Handler[]): void {
  for (const handler of handlers) {
    const first = handlers.find(({ queue }) => queue === handler.queue) as Handler;
    const odd = (['expiration', 'exchange', 'broadcast', 'ordered', 'onDead', 'partitions'] as const).find(
      (option) => first[option] !== handler[option],
    );
    if (!odd) continue;
    throw new InvalidHandlerError(
      handler.name,
      `queue "${handler.queue}" is shared with ${first.name}, which has another ${odd}. Give each a queue of its own.`,
    );
  }
}

/** A queue's handlers are known when it is consumed, or its messages would go to those that are there. */
export function assertNewQueues(late: readonly Handler[], started: readonly Handler[]): void {
  for (const { name, queue } of late) {
    const other = started.find((handler) => handler.queue === queue);
    if (!other) continue;
    throw new InvalidHandlerError(
      name,
      `queue "${queue}" is consumed already, by ${other.name}. Start microservices before the application, or give it a queue of its own.`,
    );
  }
}

export function inbox(
  handler: string,
  options: Parameters<typeof resolveInbox>[0],
): HandlerInbox | undefined {
  try {
    return resolveInbox(options);
  } catch (error) {
    throw new InvalidHandlerError(
      handler,
      `inbox ${(error as Error).message}, got ${describeValue(options)}.`,
    );
  }
}

/**
 * A message can be there twice, once in a retry queue: handled meanwhile, it must still be known when it comes out.
 * @param retention ms that inboxes remember
 */
export function assertRemembered({ name, inbox, retry }: Handler, retention: number): void {
  const longest = Math.max(0, ...retry.delays);
  if (!inbox || longest < retention) return;
  throw new InvalidHandlerError(
    name,
    `its longest retry waits ${durationText(longest)}, and inboxRetention is ${durationText(retention)}: its inbox could forget an event that is still to come a second time. Give the inbox more.`,
  );
}

/** Handlers may share a queue only if no event is for two of them: the queue holds one copy of each. */
export function assertDisjoint(handlers: readonly Handler[]): void {
  handlers.forEach((handler, index) => {
    for (const other of handlers.slice(0, index).filter(({ queue }) => queue === handler.queue)) {
      const clash = handler.patterns.find((pattern) =>
        other.patterns.some((theirs) => patternsOverlap(pattern, theirs)),
      );
      if (!clash) continue;
      const who =
        other.name === handler.name
          ? 'it is provided more than once, or decorated twice'
          : `${other.name} consumes it too`;
      throw new InvalidHandlerError(
        handler.name,
        `queue "${handler.queue}" would hold one copy of each event for two handlers (${who}; both match "${clash}"). Give each a queue of its own.`,
      );
    }
  });
}
