import type { QueuePlan } from '../../broker/inspection.js';
import { commonName, type SubscriptionRequest } from '../../broker/subscriber.js';
import { partitionNames } from '../../policy/partitions.js';
import type { RegisteredConsumer } from '../../store/consumer-registry.js';
import type { KnownApplication } from './known-application.js';

/** The queue of a handler. */
export interface KnownQueue {
  /** The name that its dead letters are known by. */
  readonly name: string;
  /** `Class.method`, of each handler; unknown of those of this process that have never run. */
  readonly handlers: readonly string[];
  readonly plan: QueuePlan;
  readonly topology: 'assert' | 'check' | 'none';
  /** One, or one for each partition. */
  readonly requests: readonly SubscriptionRequest[];
  /** What its events match, and the exchange they come from if it is not the module's. */
  readonly request: SubscriptionRequest;
  /** Its processes each have a queue of their own. */
  readonly broadcast: boolean;
  /** Consumers of it that live, by their own word. */
  readonly alive: readonly RegisteredConsumer[];
  /** Who has consumed it last. */
  readonly last: RegisteredConsumer | undefined;
  /** A handler of the application that is asked about it is for it. */
  readonly own: boolean;
}

/** Those of the application itself, and those on record: of these what the latest of their consumers says. */
export function knownQueues(
  application: KnownApplication,
  consumers: readonly RegisteredConsumer[],
): KnownQueue[] {
  const own = application.requests();
  const names = new Set([...own.map(commonName), ...consumers.map(({ queue }) => queue)]);
  return [...names].sort().map((name) => {
    const ofQueue = consumers.filter(({ queue }) => queue === name);
    const [last] = ofQueue;
    const ofOwn = own.filter((one) => commonName(one) === name);
    const requests = ofOwn.length > 0 || !last ? ofOwn : requestsOf(last);
    const [request] = requests as [SubscriptionRequest];
    const { plan, topology } = ofOwn.length > 0 || !last ? application : setUpBy(last);
    return {
      name,
      handlers: last?.handlers ?? [],
      plan,
      topology,
      requests,
      request,
      broadcast: request.broadcast !== undefined,
      alive: ofQueue.filter(({ alive }) => alive),
      last,
      own: ofOwn.length > 0,
    };
  });
}

const setUpBy = ({ needs }: RegisteredConsumer) => ({
  plan: {
    exchange: needs.exchange,
    queueType: needs.queueType,
    maxRedeliveries: needs.maxRedeliveries,
    alternateExchange: needs.alternateExchange ?? undefined,
  },
  topology: needs.topology,
});

function requestsOf({ queue, patterns, exchange, needs }: RegisteredConsumer): SubscriptionRequest[] {
  const request = {
    queue,
    patterns,
    prefetch: 1,
    delays: needs.delays,
    singleActive: needs.singleActive,
    exchange,
    ...(needs.expiration !== null && { expiration: needs.expiration }),
    ...(needs.broadcast && { broadcast: queue }),
  };
  const { partitions: count } = needs;
  if (!count) return [request];
  return partitionNames(queue, count).map((name, index) => ({
    ...request,
    queue: name,
    partition: { of: queue, number: index + 1, count },
  }));
}
