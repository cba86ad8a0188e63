import { matchesPattern } from '../event/pattern.js';
import type { ConsumerAnnouncement, RegisteredConsumer } from '../store/consumer-registry.js';

/** What earlier versions of this service left on the broker, where nothing of ours is ever deleted. */
export interface Leftovers {
  /** The last consumer of each queue whose handlers are gone: events go on coming, and nobody takes them. */
  readonly queues: readonly RegisteredConsumer[];
  /** Of queues that we consume: what comes from there is a dead letter, for no handler is for it. */
  readonly bindings: readonly Binding[];
}

export interface Binding {
  readonly queue: string;
  readonly exchange: string;
  readonly pattern: string;
}

/**
 * @param own what this process consumes
 * @param others on record, of each queue those that live first, and then the latest
 */
export function leftovers(
  own: readonly ConsumerAnnouncement[],
  others: readonly RegisteredConsumer[],
): Leftovers {
  return { queues: abandonedQueues(own, others), bindings: own.flatMap((one) => oldBindings(one, others)) };
}

function abandonedQueues(
  own: readonly ConsumerAnnouncement[],
  others: readonly RegisteredConsumer[],
): RegisteredConsumer[] {
  const queues = new Set(own.map(({ queue }) => queue));
  const services = new Set(own.map(({ service }) => service));
  return latest(others).filter(
    (last) =>
      services.has(last.service) && !last.alive && !queues.has(last.queue) && isOurs(last, own, others),
  );
}

/**
 * Whether it was a process like this one that consumed it, and not one that has other things to do: it has consumed
 * something that we consume, or the class of its handler is here.
 */
function isOurs(
  { process, handlers }: RegisteredConsumer,
  own: readonly ConsumerAnnouncement[],
  others: readonly RegisteredConsumer[],
): boolean {
  const classes = new Set(own.flatMap((one) => one.handlers.map(classOf)));
  if (handlers.some((handler) => classes.has(classOf(handler)))) return true;
  return others.some((other) => other.process === process && own.some(({ queue }) => queue === other.queue));
}

const classOf = (handler: string) => handler.slice(0, handler.lastIndexOf('.'));

function oldBindings(
  { queue, exchange, patterns }: ConsumerAnnouncement,
  others: readonly RegisteredConsumer[],
): Binding[] {
  const before = others.find((other) => other.queue === queue);
  if (!before) return [];
  const gone = before.patterns.filter(
    (pattern) => before.exchange !== exchange || !isCovered(pattern, patterns),
  );
  return gone.map((pattern) => ({ queue, exchange: before.exchange, pattern }));
}

/** Whether the patterns match what this one does, as far as samples can tell. */
const isCovered = (pattern: string, patterns: readonly string[]): boolean =>
  samples(pattern).every((type) => patterns.some((one) => matchesPattern(one, type)));

/** No word of a type that anybody uses, in place of each wildcard; no, one or more in place of `#`. */
const samples = (pattern: string): string[] =>
  [[], ['~'], ['~', '~']]
    .map((any) => pattern.split('.').flatMap((word) => (word === '#' ? any : word === '*' ? ['~'] : [word])))
    .map((words) => words.join('.'))
    .filter((type) => type !== '');

const latest = (consumers: readonly RegisteredConsumer[]): RegisteredConsumer[] =>
  consumers.filter(({ queue }, index) => consumers.findIndex((other) => other.queue === queue) === index);
