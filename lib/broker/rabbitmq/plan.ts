import type { SubscriptionRequest } from '../subscriber.js';
import { together, type ExchangeDefinition, type QueueDefinition, type Topology } from './definitions.js';
import { deadLetterExchange, deadLetterQueue, retryName, returnExchange, unclaimedName } from './names.js';

/** What the shape of everything on the broker depends on. */
export interface PlanSettings {
  readonly exchange: string;
  readonly queueType: 'quorum' | 'classic';
  readonly maxRedeliveries: number;
}

/** What publishing needs. */
export const forPublishing = ({ exchange }: PlanSettings): Topology => ({
  exchanges: [{ name: exchange, type: 'topic', arguments: {} }],
  queues: [],
  bindings: [],
});

/** What a handler needs: its queue with bindings, its dead letters, and the retry queues of its delays. */
export function forHandler(settings: PlanSettings, request: SubscriptionRequest): Topology {
  const { delays } = request;
  return together(
    forPublishing(settings),
    forDeadLetters(settings, request.queue),
    ...[...new Set(delays)].map((delay) => forRetry(settings, delay)),
    handlerQueue(settings, request),
  );
}

/** What the dead letters of a queue need. */
export function forDeadLetters(settings: PlanSettings, queue: string): Topology {
  const exchange = deadLetterExchange(settings.exchange);
  const name = deadLetterQueue(queue);
  return {
    exchanges: [{ name: exchange, type: 'direct', arguments: {} }],
    queues: [{ name, arguments: queueArguments(settings, {}, NEVER_DROPPED) }],
    bindings: [{ exchange, queue: name, routingKey: queue }],
  };
}

/** What a retry after `delay` ms needs: a place to wait, and the way back to the queue that it names. */
export function forRetry(settings: PlanSettings, delay: number): Topology {
  const name = retryName(settings.exchange, delay);
  const waiting = { 'x-message-ttl': delay, 'x-dead-letter-exchange': returnExchange(settings.exchange) };
  return together(theWayBack(settings), {
    exchanges: [{ name, type: 'fanout', arguments: {} }],
    queues: [{ name, arguments: queueArguments(settings, waiting, AT_LEAST_ONCE) }],
    bindings: [{ exchange: name, queue: name, routingKey: '' }],
  });
}

/**
 * Where retries whose queue is gone come to rest. They have to come to rest somewhere: a quorum queue that dead-letters at
 * least once keeps what it cannot route, and stands still with 32 of those, for every handler that waits there.
 */
function theWayBack(settings: PlanSettings): Topology {
  const name = unclaimedName(settings.exchange);
  return {
    exchanges: [{ name, type: 'fanout', arguments: {} }, backExchange(settings)],
    queues: [{ name, arguments: queueArguments(settings, {}, NEVER_DROPPED) }],
    bindings: [{ exchange: name, queue: name, routingKey: '' }],
  };
}

const backExchange = ({ exchange }: PlanSettings): ExchangeDefinition => ({
  name: returnExchange(exchange),
  type: 'direct',
  arguments: { 'alternate-exchange': unclaimedName(exchange) },
});

function handlerQueue(settings: PlanSettings, { queue, patterns }: SubscriptionRequest): Topology {
  const { exchange, maxRedeliveries } = settings;
  const safetyNet = {
    'x-dead-letter-exchange': deadLetterExchange(exchange),
    'x-dead-letter-routing-key': queue,
  };
  const quorumOnly = { ...AT_LEAST_ONCE, 'x-delivery-limit': maxRedeliveries };
  return together(theWayBack(settings), {
    exchanges: [],
    queues: [{ name: queue, arguments: queueArguments(settings, safetyNet, quorumOnly) }],
    bindings: [
      ...patterns.map((pattern) => ({ exchange, queue, routingKey: pattern })),
      { exchange: returnExchange(exchange), queue, routingKey: queue },
    ],
  });
}

function queueArguments(
  { queueType }: PlanSettings,
  always: QueueDefinition['arguments'],
  quorumOnly: QueueDefinition['arguments'],
): QueueDefinition['arguments'] {
  return { 'x-queue-type': queueType, ...always, ...(queueType === 'quorum' && quorumOnly) };
}

/** Dead letters are confirmed by the queue they go to (https://www.rabbitmq.com/docs/quorum-queues#dead-lettering). */
const AT_LEAST_ONCE = { 'x-dead-letter-strategy': 'at-least-once', 'x-overflow': 'reject-publish' };

/**
 * Every look at a dead letter is a delivery. RabbitMQ 4 drops what was delivered 20 times from a quorum queue without a
 * limit of its own; and on 3.10 what a consumer gives back (`nack`) goes to the end of such a queue, with a limit to the
 * front, where it was.
 */
const NEVER_DROPPED = { 'x-delivery-limit': 2 ** 31 - 1 };
