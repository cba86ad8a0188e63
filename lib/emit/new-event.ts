import { InvalidEventOptionError } from '../errors/invalid-event-option.error.js';
import { PayloadTooLargeError } from '../errors/payload-too-large.error.js';
import { encodePayload } from '../event/codec.js';
import type { EventHeaders, NewEvent } from '../event/envelope.js';
import { isEventId, newEventId } from '../event/event-id.js';
import { assertEventType } from '../event/event-type.js';
import { assertHeaders, HEADER } from '../event/headers.js';
import { milliseconds, type Duration } from '../policy/duration.js';
import type { EmitOptions } from './emit-options.js';

export interface EmitLimits {
  /** Bytes. */
  readonly maxPayload: number;
  /** Milliseconds, for events that give none. */
  readonly expiration?: number | undefined;
}

/** Checks everything that could fail later, while the caller can still be told, and encodes the payload. */
export function newEvent(type: string, payload: unknown, options: EmitOptions, limits: EmitLimits): NewEvent {
  assertEventType(type);
  assertOptions(type, options, payload instanceof Uint8Array);
  const { body, contentType } = encodePayload(type, payload);
  if (body.length > limits.maxPayload) throw new PayloadTooLargeError(type, body.length, limits.maxPayload);
  return {
    id: options.id?.toLowerCase() ?? newEventId(),
    type,
    key: options.key ?? null,
    body,
    contentType: options.contentType ?? contentType,
    headers: headersOf(options),
    exchange: options.exchange ?? null,
    correlationId: options.correlationId ?? null,
    expiration: span(type, 'expiration', options.expiration) ?? limits.expiration ?? null,
    priority: options.priority ?? null,
    availableAt: options.availableAt ?? span(type, 'delay', options.delay) ?? null,
  };
}

function headersOf({ headers, causationId }: EmitOptions): EventHeaders | null {
  if (!headers && causationId === undefined) return null;
  return { ...headers, ...(causationId !== undefined && { [HEADER.causationId]: causationId }) };
}

function assertOptions(type: string, options: EmitOptions, isBytes: boolean): void {
  const refuse = (option: keyof EmitOptions, rule: string): never => {
    throw new InvalidEventOptionError(type, option, rule, options[option]);
  };
  if (options.id !== undefined && !isEventId(options.id)) refuse('id', 'must be a UUID');
  for (const name of ['key', 'correlationId', 'causationId', 'exchange', 'contentType'] as const) {
    if (options[name] !== undefined && !isShortString(options[name]))
      refuse(name, 'must be a string of 1 to 255 bytes');
  }
  if (options.contentType !== undefined && !isBytes)
    refuse('contentType', 'is for payloads given as bytes; this one is encoded as JSON');
  if (options.headers !== undefined) assertHeaders(type, options.headers);
  const { priority, availableAt } = options;
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 255)) {
    refuse('priority', 'must be an integer from 0 to 255');
  }
  if (availableAt !== undefined && !isStorable(availableAt))
    refuse('availableAt', 'must be a valid Date from 1970 to 9999');
  if (availableAt !== undefined && options.delay !== undefined)
    refuse('delay', 'must not be given together with availableAt');
}

/** Beyond these years PostgreSQL and JavaScript write dates differently. */
const isStorable = (at: unknown): boolean =>
  at instanceof Date && at.getTime() >= 0 && at.getTime() < Date.UTC(10_000, 0);

/** NUL is legal in AMQP but not in PostgreSQL's text. */
const isShortString = (value: unknown): boolean =>
  typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= 255 && !value.includes('\0');

function span(type: string, option: string, duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  try {
    return milliseconds(duration);
  } catch (error) {
    throw new InvalidEventOptionError(type, option, (error as Error).message, duration);
  }
}
