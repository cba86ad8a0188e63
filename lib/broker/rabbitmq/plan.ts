import { HEADER } from '../../event/headers.js';
import { partitionName, partitionNames } from '../../policy/partitions.js';
import { commonName, type Partition, type SubscriptionRequest } from '../subscriber.js';
import {
  CONSISTENT_HASH,
  NOTHING,
  together,
  type BindingDefinition,
  type ExchangeDefinition,
  type QueueDefinition,
  type Topology,
} from './definitions.js';
import {
  deadLetterExchange,
  deadLetterQueue,
  ownRetryName,
  partitionsExchange,
  retryName,
  returnExchange,
  unclaimedName,
} from './names.js';

/** What the shape of everything on the broker depends on. */
export interface PlanSettings {
  readonly exchange: string;
  /** Where the event exchange sends what no queue is bound for. */
  readonly alternateExchange?: string | undefined;
  readonly queueType: 'quorum' | 'classic';
  readonly maxRedeliveries: number;
}

/** What publishing needs. */
export const forPublishing = ({ exchange, alternateExchange: alternate }: PlanSettings): Topology => ({
  ...NOTHING,
  exchanges:
    alternate === undefined
      ? [{ name: exchange, type: 'topic', arguments: {} }]
      : [
          { name: alternate, type: 'topic', arguments: {} },
          { name: exchange, type: 'topic', arguments: { [ALTERNATE]: alternate } },
        ],
});

/** What a handler needs: its queue with bindings, its dead letters, and the retry queues of its delays. */
export function forHandler(settings: PlanSettings, request: SubscriptionRequest): Topology {
  const delays = [...new Set(request.delays)];
  return together(
    forPublishing(settings),
    forDeadLetters(settings, commonName(request)),
    ...delays.map((delay) => forRetry(settings, request, delay)),
    queuesOf(settings, request),
  );
}

function queuesOf(settings: PlanSettings, request: SubscriptionRequest): Topology {
  if (request.broadcast !== undefined) return ownQueue(settings, request);
  return request.partition === undefined
    ? sharedQueue(settings, request)
    : partitions(settings, request, request.partition);
}

/** What the dead letters of a queue need. */
export function forDeadLetters(settings: PlanSettings, queue: string): Topology {
  const exchange = deadLetterExchange(settings.exchange);
  const name = deadLetterQueue(queue);
  return {
    ...NOTHING,
    exchanges: [{ name: exchange, type: 'direct', arguments: {} }],
    queues: [{ name, arguments: queueArguments(settings, {}, NEVER_DROPPED) }],
    bindings: [{ exchange, queue: name, routingKey: queue }],
  };
}

/** What a retry after `delay` ms needs: a place to wait, and the way back to the queue. */
export const forRetry = (settings: PlanSettings, request: Origin, delay: number): Topology =>
  request.broadcast === undefined ? sharedRetry(settings, delay) : ownRetry(request, delay);

/** Whose retry or dead letter it is. */
export type Origin = Pick<SubscriptionRequest, 'queue' | 'broadcast' | 'partition'>;

/** One for all handlers: back it goes to the queue that its routing key names. */
function sharedRetry(settings: PlanSettings, delay: number): Topology {
  const name = retryName(settings.exchange, delay);
  const waiting = { 'x-message-ttl': delay, 'x-dead-letter-exchange': returnExchange(settings.exchange) };
  return together(theWayBack(settings), {
    ...NOTHING,
    exchanges: [{ name, type: 'fanout', arguments: {} }],
    queues: [{ name, arguments: queueArguments(settings, waiting, AT_LEAST_ONCE) }],
    bindings: [{ exchange: name, queue: name, routingKey: '' }],
  });
}

/** Gone with the queue it leads back to: nothing waits for a process that is no more. */
function ownRetry({ queue }: Origin, delay: number): Topology {
  const back = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue };
  const waiting = { ...OWN, 'x-message-ttl': delay, ...back };
  return {
    ...NOTHING,
    queues: [{ name: ownRetryName(queue, delay), arguments: waiting, exclusive: true }],
  };
}

/**
 * Where retries whose queue is gone come to rest. They have to come to rest somewhere: a quorum queue that dead-letters at
 * least once keeps what it cannot route, and stands still with 32 of those, for every handler that waits there.
 */
function theWayBack(settings: PlanSettings): Topology {
  const name = unclaimedName(settings.exchange);
  return {
    ...NOTHING,
    exchanges: [{ name, type: 'fanout', arguments: {} }, backExchange(settings)],
    queues: [{ name, arguments: queueArguments(settings, {}, NEVER_DROPPED) }],
    bindings: [{ exchange: name, queue: name, routingKey: '' }],
  };
}

const backExchange = ({ exchange }: PlanSettings): ExchangeDefinition => ({
  name: returnExchange(exchange),
  type: 'direct',
  arguments: { [ALTERNATE]: unclaimedName(exchange) },
});

/** For all replicas of a service, which compete for what is on it. */
function sharedQueue(settings: PlanSettings, request: SubscriptionRequest): Topology {
  const { queue, singleActive } = request;
  return together(queueWithReturn(settings, request, queue), {
    ...NOTHING,
    foreign: foreignExchange(settings, request),
    bindings: bindingsOf(settings, request),
    obsolete: singleActive ? [{ name: partitionName(queue, 1), of: queue }] : [],
  });
}

/**
 * All partitions for each of them, and the exchange before them last: a key that came while some were missing would have
 * gone to another one than it will. What comes to the exchange by another way (dead letters that are put back) is spread
 * likewise.
 */
function partitions(
  settings: PlanSettings,
  request: SubscriptionRequest,
  { of, count }: Partition,
): Topology {
  const exchange = partitionsExchange(of);
  const names = partitionNames(of, count);
  const source = request.exchange ?? settings.exchange;
  return together(
    {
      ...NOTHING,
      foreign: foreignExchange(settings, request),
      exchanges: [{ name: exchange, type: CONSISTENT_HASH, arguments: { 'hash-header': HEADER.key } }],
    },
    ...names.map((name) => queueWithReturn(settings, request, name)),
    {
      ...NOTHING,
      bindings: names.map((queue) => ({ exchange, queue, routingKey: WEIGHT })),
      links: request.patterns.map((routingKey) => ({ from: source, to: exchange, routingKey })),
      obsolete: [of, partitionName(of, count + 1)].map((name) => ({ name, of })),
    },
  );
}

/** A queue, and the way back to it. */
function queueWithReturn(settings: PlanSettings, request: SubscriptionRequest, queue: string): Topology {
  const quorumOnly = { ...AT_LEAST_ONCE, 'x-delivery-limit': settings.maxRedeliveries };
  const always = { ...safetyNet(settings, request), ...(request.singleActive && SINGLE_ACTIVE) };
  const declared = queueArguments(settings, always, quorumOnly);
  return together(theWayBack(settings), {
    ...NOTHING,
    queues: [{ name: queue, arguments: declared }],
    bindings: [{ exchange: returnExchange(settings.exchange), queue, routingKey: queue }],
  });
}

/** For this process alone. It outlives a lost channel, not a lost connection. Quorum queues cannot be exclusive. */
function ownQueue(settings: PlanSettings, request: SubscriptionRequest): Topology {
  return {
    ...NOTHING,
    foreign: foreignExchange(settings, request),
    queues: [
      { name: request.queue, arguments: { ...OWN, ...safetyNet(settings, request) }, exclusive: true },
    ],
    bindings: bindingsOf(settings, request),
  };
}

/** Where what expires, or kills its consumer again and again, goes. */
const safetyNet = ({ exchange }: PlanSettings, request: SubscriptionRequest) => ({
  'x-dead-letter-exchange': deadLetterExchange(exchange),
  'x-dead-letter-routing-key': commonName(request),
  ...(request.expiration !== undefined && { 'x-message-ttl': request.expiration }),
});

const bindingsOf = (
  { exchange }: PlanSettings,
  { queue, patterns, exchange: asked = exchange }: SubscriptionRequest,
): BindingDefinition[] => patterns.map((pattern) => ({ exchange: asked, queue, routingKey: pattern }));

const foreignExchange = (
  { exchange, alternateExchange }: PlanSettings,
  { exchange: asked }: SubscriptionRequest,
): string[] => (asked === undefined || asked === exchange || asked === alternateExchange ? [] : [asked]);

function queueArguments(
  { queueType }: PlanSettings,
  always: QueueDefinition['arguments'],
  quorumOnly: QueueDefinition['arguments'],
): QueueDefinition['arguments'] {
  return { 'x-queue-type': queueType, ...always, ...(queueType === 'quorum' && quorumOnly) };
}

/** Of a partition: as many keys as any other. */
const WEIGHT = '1';

const SINGLE_ACTIVE = { 'x-single-active-consumer': true };

/** https://www.rabbitmq.com/docs/ae */
const ALTERNATE = 'alternate-exchange';

/** Whatever the virtual host has queues be that do not say. */
const OWN = { 'x-queue-type': 'classic' };

/** Dead letters are confirmed by the queue they go to (https://www.rabbitmq.com/docs/quorum-queues#dead-lettering). */
const AT_LEAST_ONCE = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };

/**
 * Every look at a dead letter is a delivery. RabbitMQ 4 drops what was delivered 20 times from a quorum queue without a
 * limit of its own; and on 3.10 what a consumer gives back (`nack`) goes to the end of such a queue, with a limit to the
 * front, where it was.
 */
const NEVER_DROPPED = { 'x-delivery-limit': 2 ** 31 - 1 };
