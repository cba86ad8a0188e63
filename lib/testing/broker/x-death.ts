import type { Message } from './message.js';
import { carbonCopies } from './message.js';
import type { Table } from './methods.js';

/** Why a message left its queue, in RabbitMQ's words, https://www.rabbitmq.com/docs/dlx. */
export type DeathReason = 'rejected' | 'expired' | 'maxlen' | 'delivery_limit';

export interface Death {
  reason: DeathReason;
  queue: string;
  /** The dead-letter exchange, and the routing key the queue asks for instead of the message's own. */
  exchange: string;
  routingKey: string | undefined;
}

/** The message as it goes to the dead-letter exchange: it does not expire again, and carries its history. */
export function deadLettered(message: Message, death: Death): Message {
  const { expiration, ...properties } = message.properties;
  const headers = { ...message.headers, ...history(message, death, expiration) };
  if (death.routingKey !== undefined) delete headers['CC'];
  return message.with({
    exchange: death.exchange,
    routingKeys: death.routingKey === undefined ? message.routingKeys : [death.routingKey],
    properties: { ...properties, headers },
  });
}

/**
 * A message that would come back to a queue it has died in goes no further, or it would circle for ever. A rejection on
 * the way is somebody's wish, and makes the circle a retry.
 */
export function isCycle(message: Message, reason: DeathReason, queue: string): boolean {
  if (reason === 'rejected') return false;
  const deaths = deathsOf(message);
  const last = deaths.findIndex((death) => death['queue'] === queue);
  return last >= 0 && deaths.slice(0, last + 1).every((death) => death['reason'] !== 'rejected');
}

function history(message: Message, death: Death, expiration: string | undefined): Table {
  if (message.headers['x-death'] !== undefined) return { 'x-death': again(message, death, expiration) };
  return {
    'x-death': [firstDeath(message, death, expiration)],
    'x-first-death-reason': death.reason,
    'x-first-death-queue': death.queue,
    'x-first-death-exchange': message.exchange,
  };
}

/** One entry for each queue and reason, the latest first; only its count changes when it happens again. */
function again(message: Message, death: Death, expiration: string | undefined): Table[] {
  const isSame = (entry: Table) => entry['queue'] === death.queue && entry['reason'] === death.reason;
  const deaths = deathsOf(message);
  const before = deaths.find(isSame);
  const latest = before
    ? { ...before, count: int64(countOf(before) + 1) }
    : firstDeath(message, death, expiration);
  return [latest, ...deaths.filter((entry) => !isSame(entry))];
}

function firstDeath(message: Message, death: Death, expiration: string | undefined): Table {
  return {
    count: int64(1),
    reason: death.reason,
    queue: death.queue,
    time: { '!': 'timestamp', value: Math.floor(Date.now() / 1000) },
    exchange: message.exchange,
    'routing-keys': [message.routingKey, ...carbonCopies(message.headers)],
    ...(expiration !== undefined && { 'original-expiration': expiration }),
  };
}

/** What a client put there instead of a list counts as no history. */
function deathsOf(message: Message): Table[] {
  const deaths = message.headers['x-death'];
  return Array.isArray(deaths) ? deaths.filter((death) => typeof death === 'object' && death !== null) : [];
}

/** A count is a number when the header came from a client, and typed when it is ours. */
function countOf(death: Table): number {
  const count = death['count'];
  if (typeof count === 'number') return count;
  return typeof count === 'object' && count !== null && 'value' in count ? Number(count.value) : 0;
}

export function int64(value: number): Table {
  return { '!': 'int64', value };
}
