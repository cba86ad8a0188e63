import { InvalidEventOptionError } from '../errors/invalid-event-option.error.js';
import type { EventHeaders } from './envelope.js';
import { ILL_FORMED, isWellFormed } from './well-formed.js';

/** Names of the headers this library writes. None begins with `x-`: brokers own those. */
export const HEADER = {
  key: 'outbox-key',
  causationId: 'outbox-causation-id',
  tracking: 'outbox-tracking',
  attempt: 'outbox-attempt',
  routingKey: 'outbox-routing-key',
  consumer: 'outbox-consumer',
  wake: 'outbox-wake',
  format: 'outbox-format',
  version: 'outbox-version',
  source: 'outbox-source',
  errorType: 'outbox-error-type',
  errorMessage: 'outbox-error-message',
  errorStack: 'outbox-error-stack',
  errorAt: 'outbox-error-at',
  errors: 'outbox-errors',
} as const;

/** amqplib refuses header tables above 64 KiB; ours leave room for the error headers of a dead letter (11 KiB). */
const MAX_HEADER_BYTES = 48 * 1024;

/** @throws {InvalidEventOptionError} for names or values that would not survive the way to the handler. */
export function assertHeaders(type: string, headers: unknown): asserts headers is EventHeaders {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw new InvalidEventOptionError(
      type,
      'headers',
      'must be an object of strings, numbers and booleans',
      headers,
    );
  }
  for (const [name, value] of Object.entries(headers)) assertHeader(type, name, value);
  assertHeaderSize(type, headers as EventHeaders);
}

/** @throws {InvalidEventOptionError} for more headers than fit, those of this library included. */
export function assertHeaderSize(type: string, headers: EventHeaders): void {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers))
    bytes += Buffer.byteLength(name) + (typeof value === 'string' ? Buffer.byteLength(value) : 8) + 8;
  if (bytes > MAX_HEADER_BYTES) {
    throw new InvalidEventOptionError(type, 'headers', `must stay below ${MAX_HEADER_BYTES} bytes`, bytes);
  }
}

function assertHeader(type: string, name: string, value: unknown): void {
  if (name === '' || Buffer.byteLength(name) > 255) {
    throw new InvalidEventOptionError(type, 'headers', 'must have names of 1 to 255 bytes', name);
  }
  if (/^(x-|outbox-)/i.test(name)) {
    throw new InvalidEventOptionError(
      type,
      'headers',
      'must not use names beginning with "x-" or "outbox-"',
      name,
    );
  }
  if (name === 'CC' || name === 'BCC') {
    throw new InvalidEventOptionError(
      type,
      'headers',
      'must not use the names "CC" and "BCC", which RabbitMQ takes for further routing keys',
      name,
    );
  }
  if (![name, value].every((text) => typeof text !== 'string' || isWellFormed(text)))
    throw new InvalidEventOptionError(type, `headers.${name}`, ILL_FORMED, value);
  if (!isScalar(value)) {
    throw new InvalidEventOptionError(
      type,
      `headers.${name}`,
      'must be a string, a boolean, or a finite number above -2^63',
      value,
    );
  }
}

/** amqplib writes numbers beyond 2^63 as floating point, but only those above zero. */
const isScalar = (value: unknown): boolean =>
  typeof value === 'string' ||
  typeof value === 'boolean' ||
  (typeof value === 'number' && Number.isFinite(value) && value >= -(2 ** 63));
