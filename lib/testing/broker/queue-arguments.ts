import { isInteger, typeName } from './arguments.js';
import { described, refused } from './errors.js';
import type { Table } from './methods.js';

export type QueueType = 'classic' | 'quorum';
export type Overflow = 'drop-head' | 'reject-publish' | 'reject-publish-dlx';

/** A queue's arguments, checked and named. Durations in milliseconds. */
export interface QueueSettings {
  type: QueueType;
  messageTtl: number | undefined;
  expires: number | undefined;
  maxLength: number;
  maxBytes: number;
  overflow: Overflow;
  deadLetterExchange: string | undefined;
  deadLetterRoutingKey: string | undefined;
  deliveryLimit: number;
  singleActiveConsumer: boolean;
  maxPriority: number | undefined;
}

/** The arguments each type knows. RabbitMQ compares these when a queue is declared again, in this order. */
export const KNOWN_ARGUMENTS: Record<QueueType, readonly string[]> = {
  classic: [
    'x-expires',
    'x-message-ttl',
    'x-dead-letter-exchange',
    'x-dead-letter-routing-key',
    'x-max-length',
    'x-max-length-bytes',
    'x-max-priority',
    'x-overflow',
    'x-queue-mode',
    'x-queue-version',
    'x-single-active-consumer',
    'x-queue-type',
    'x-queue-master-locator',
  ],
  quorum: [
    'x-dead-letter-exchange',
    'x-dead-letter-routing-key',
    'x-dead-letter-strategy',
    'x-expires',
    'x-max-length',
    'x-max-length-bytes',
    'x-max-in-memory-length',
    'x-max-in-memory-bytes',
    'x-overflow',
    'x-single-active-consumer',
    'x-queue-type',
    'x-quorum-initial-group-size',
    'x-delivery-limit',
    'x-message-ttl',
    'x-queue-leader-locator',
  ],
};

/** What a stream takes and the other types refuse. */
const STREAM_ARGUMENTS = ['x-max-age', 'x-stream-max-segment-size-bytes', 'x-initial-cluster-size'];

/** Ten years: RabbitMQ's longest TTL. */
const MAX_EXPIRY = 315_360_000_000;

/** Says what is wrong with a value, as an Erlang term, because that is what RabbitMQ's messages show. */
type Check = (value: unknown, all: Table) => string | undefined;

const nonNegative: Check = (value) =>
  !isInteger(value) ? expectedInteger(value) : value < 0 ? `{value_negative,${value}}` : undefined;

const boolean: Check = (value) => (typeof value === 'boolean' ? undefined : unacceptable(value));

const expiry: Check = (value) => (isInteger(value) ? expiryProblem(value) : nonNegative(value, {}));

const oneOf =
  (problem: string, ...values: string[]): Check =>
  (value) =>
    typeof value !== 'string' ? unacceptable(value) : values.includes(value) ? undefined : problem;

const CHECKS: Record<string, Check> = {
  'x-expires': (value, all) => (value === 0 ? '{value_zero,0}' : expiry(value, all)),
  'x-message-ttl': expiry,
  'x-dead-letter-exchange': (value) => (typeof value === 'string' ? undefined : unacceptable(value)),
  'x-dead-letter-routing-key': (value, all) =>
    typeof value !== 'string'
      ? unacceptable(value)
      : all['x-dead-letter-exchange'] === undefined
        ? 'routing_key_but_no_dlx_defined'
        : undefined,
  'x-dead-letter-strategy': oneOf('invalid_dlx_strategy', 'at-most-once', 'at-least-once'),
  'x-max-length': nonNegative,
  'x-max-length-bytes': nonNegative,
  'x-max-priority': (value, all) =>
    isInteger(value) && value > 255 ? `{max_value_exceeded,${value}}` : nonNegative(value, all),
  'x-overflow': oneOf('invalid_overflow', 'drop-head', 'reject-publish', 'reject-publish-dlx'),
  'x-single-active-consumer': boolean,
};

/** Checks a declaration's arguments. Throws the PRECONDITION_FAILED that RabbitMQ answers. */
export function queueSettings(name: string, given: Table): QueueSettings {
  refuse(name, 'x-queue-type', queueTypeProblem(given['x-queue-type']));
  const type = given['x-queue-type'] === 'quorum' ? 'quorum' : 'classic';
  for (const key of KNOWN_ARGUMENTS[type]) {
    if (given[key] !== undefined) refuse(name, key, CHECKS[key]?.(given[key], given));
  }
  refuseForeign(name, type, given);
  return {
    type,
    messageTtl: given['x-message-ttl'] as number | undefined,
    expires: given['x-expires'] as number | undefined,
    maxLength: (given['x-max-length'] as number | undefined) ?? Infinity,
    maxBytes: (given['x-max-length-bytes'] as number | undefined) ?? Infinity,
    overflow: overflow(type, given['x-overflow']),
    deadLetterExchange: given['x-dead-letter-exchange'] as string | undefined,
    deadLetterRoutingKey: given['x-dead-letter-routing-key'] as string | undefined,
    deliveryLimit: (given['x-delivery-limit'] as number | undefined) ?? Infinity,
    singleActiveConsumer: given['x-single-active-consumer'] === true,
    maxPriority: given['x-max-priority'] as number | undefined,
  };
}

/** A lifetime in milliseconds that RabbitMQ would refuse, and why. */
export function expiryProblem(milliseconds: number): string | undefined {
  if (milliseconds < 0) return `{value_negative,${milliseconds}}`;
  return milliseconds > MAX_EXPIRY ? `{value_too_large,${milliseconds}}` : undefined;
}

/** A quorum queue takes `reject-publish-dlx` for its default. */
function overflow(type: QueueType, value: unknown): Overflow {
  if (value === undefined || (type === 'quorum' && value === 'reject-publish-dlx')) return 'drop-head';
  return value as Overflow;
}

function queueTypeProblem(value: unknown): string | undefined {
  if (value === undefined || value === 'classic' || value === 'quorum') return undefined;
  return typeof value === 'string' ? `"unsupported queue type '${value}'"` : unacceptable(value);
}

function refuseForeign(name: string, type: QueueType, given: Table): void {
  const other = KNOWN_ARGUMENTS[type === 'quorum' ? 'classic' : 'quorum'];
  const foreign = [...other, ...STREAM_ARGUMENTS].filter((key) => !KNOWN_ARGUMENTS[type].includes(key));
  for (const key of Object.keys(given)) {
    if (!foreign.includes(key)) continue;
    throw refused(`invalid arg '${key}' for ${described('queue', name)} of queue type rabbit_${type}_queue`);
  }
}

function refuse(name: string, key: string, problem: string | undefined): void {
  if (problem === undefined) return;
  throw refused(`invalid arg '${key}' for ${described('queue', name)}: ${problem}`);
}

function expectedInteger(value: unknown): string {
  return `"expected integer, got ${typeName(value)}"`;
}

function unacceptable(value: unknown): string {
  return `{unacceptable_type,${typeName(value)}}`;
}
