import { InvalidEventOptionError } from '../errors/invalid-event-option.error.js';
import { PayloadTooLargeError } from '../errors/payload-too-large.error.js';
import { BaseEvent } from '../event/base-event.js';
import { codecNames, isCodec, type Codecs } from '../event/codecs/codecs.js';
import { jsonCodec } from '../event/codecs/json.js';
import type { EventHeaders, NewEvent } from '../event/envelope.js';
import { isEventId, newEventId } from '../event/event-id.js';
import { assertEventType } from '../event/event-type.js';
import { assertHeaders, assertHeaderSize, HEADER } from '../event/headers.js';
import { isShortString } from '../event/short-string.js';
import { trackingText, type TrackingContext } from '../event/tracking.js';
import { ILL_FORMED, isWellFormed } from '../event/well-formed.js';
import type { About } from '../event/wire/cloud-event.js';
import { wireFormats, type Encoded, type WireFormat } from '../event/wire/format.js';
import { onWire, type OnWire } from '../event/wire/on-wire.js';
import { needsValidation, validated } from '../event/validation.js';
import { milliseconds, type Duration } from '../policy/duration.js';
import type { EmitOptions } from './emit-options.js';
import type { EventToWrite } from './emit-arguments.js';

export interface EmitDefaults {
  readonly codecs: Codecs;
  readonly format: WireFormat;
  /** Name of the service, which is the source of its CloudEvents. */
  readonly source: string;
  /** Bytes. */
  readonly maxPayload: number;
  /** Milliseconds, for events that give none. */
  readonly expiration?: number | undefined;
}

/** The event as it will be written, after the checks its class asks for. */
export async function checkedEvent(
  event: EventToWrite,
  defaults: EmitDefaults,
  chain: TrackingContext | undefined,
): Promise<NewEvent> {
  const { type, payload, description } = event;
  if (!needsValidation(payload, description?.schema)) return newEvent(event, defaults, chain);
  return newEvent(event, defaults, chain, await validated(type, payload, description?.schema));
}

/** Checks everything that could fail later, while the caller can still be told, and encodes the payload. */
export function newEvent(
  event: EventToWrite,
  defaults: EmitDefaults,
  chain?: TrackingContext,
  payload: unknown = event.payload,
): NewEvent {
  const { type } = event;
  assertEventType(type);
  const options = optionsOf(event, chain);
  assertOptions(type, options);
  const id = options.id?.toLowerCase() ?? newEventId();
  const key = options.key ?? null;
  const correlationId = options.correlationId ?? null;
  const headers = headersOf(event, options, chain);
  const source = event.description?.source ?? defaults.source;
  const about = { id, type, key, source, time: timeOf(event.payload), correlationId, headers };
  const wire = inFormat(options.format ?? defaults.format, about, encode(type, payload, options, defaults));
  if (wire.body.length > defaults.maxPayload)
    throw new PayloadTooLargeError(type, wire.body.length, defaults.maxPayload);
  return {
    id,
    idGiven: options.id !== undefined,
    type,
    key,
    body: wire.body,
    contentType: wire.contentType,
    headers: checkedHeaders(type, wire.headers),
    exchange: options.exchange ?? null,
    correlationId,
    expiration: span(type, 'expiration', options.expiration) ?? defaults.expiration ?? null,
    priority: options.priority ?? null,
    requireRoute: options.requireRoute ?? null,
    availableAt: options.availableAt ?? span(type, 'delay', options.delay) ?? null,
  };
}

/** From the general to the particular: the chain, what the event itself carries, its class, this one call. */
function optionsOf(event: EventToWrite, chain: Partial<TrackingContext> = {}): EmitOptions {
  const { correlationId, causationId } = chain;
  return {
    ...given({ correlationId, causationId }),
    ...given(fromBase(event.payload)),
    ...given(fromClass(event)),
    ...given(event.options),
  };
}

/** `{ key: undefined }`, as conditional options make it, means "not given". */
const given = (options: EmitOptions): EmitOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));

function fromBase(payload: unknown): EmitOptions {
  if (!(payload instanceof BaseEvent)) return {};
  const { id, aggregateId, correlationId, causationId } = payload;
  return { id, key: aggregateId, correlationId, causationId };
}

function fromClass({ payload, description }: EventToWrite): EmitOptions {
  if (!description) return {};
  const { codec, format, requireRoute } = description;
  return { key: description.key?.(payload as never), codec, format, requireRoute };
}

const timeOf = (payload: unknown): Date => (payload instanceof BaseEvent ? payload.occurredAt : new Date());

function encode(type: string, payload: unknown, options: EmitOptions, { codecs }: EmitDefaults): Encoded {
  const { body, codec } = codecs.encode(type, payload, options.codec);
  const { contentType = codec.contentType } = options;
  if (codecs.fits(contentType, codec)) return { body, contentType, wellFormed: codec === jsonCodec };
  const rule = `must be one that is decoded as ${codec.contentType} is; for any other, give the payload as bytes`;
  throw new InvalidEventOptionError(type, 'contentType', rule, contentType);
}

function inFormat(format: WireFormat, about: About, payload: Encoded): OnWire {
  try {
    return onWire(format, about, payload);
  } catch (error) {
    throw new InvalidEventOptionError(about.type, 'format', (error as Error).message, format);
  }
}

function checkedHeaders(type: string, headers: EventHeaders): EventHeaders | null {
  if (Object.keys(headers).length === 0) return null;
  assertHeaderSize(type, headers);
  return headers;
}

function headersOf(
  { description }: EventToWrite,
  { headers, causationId }: EmitOptions,
  chain: TrackingContext | undefined,
): EventHeaders {
  const ours = {
    ...(causationId !== undefined && { [HEADER.causationId]: causationId }),
    ...(chain && chain.trackingIds.length > 0 && { [HEADER.tracking]: trackingText(chain.trackingIds) }),
    ...(description?.version !== undefined && { [HEADER.version]: description.version }),
    ...(description?.source !== undefined && { [HEADER.source]: description.source }),
  };
  return { ...headers, ...ours };
}

function assertOptions(type: string, options: EmitOptions): void {
  const refuse = (option: keyof EmitOptions, rule: string): never => {
    throw new InvalidEventOptionError(type, option, rule, options[option]);
  };
  if (options.id !== undefined && !isEventId(options.id)) refuse('id', 'must be a UUID');
  for (const name of ['key', 'correlationId', 'causationId', 'exchange', 'contentType'] as const) {
    const text = options[name];
    if (text === undefined) continue;
    if (!isShortString(text)) refuse(name, 'must be a string of 1 to 255 bytes');
    if (!isWellFormed(text)) refuse(name, ILL_FORMED);
  }
  if (options.headers !== undefined) assertHeaders(type, options.headers);
  const { priority, availableAt, codec, format, requireRoute } = options;
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 255)) {
    refuse('priority', 'must be an integer from 0 to 255');
  }
  if (requireRoute !== undefined && typeof requireRoute !== 'boolean')
    refuse('requireRoute', 'must be true or false');
  if (availableAt !== undefined && !isStorable(availableAt))
    refuse('availableAt', 'must be a valid Date from 1970 to 9999');
  if (availableAt !== undefined && options.delay !== undefined)
    refuse('delay', 'must not be given together with availableAt');
  if (codec !== undefined && !isCodec(codec) && !codecNames.includes(codec)) {
    refuse('codec', `must be one of ${codecNames.join(', ')}, or { contentType, encode, decode }`);
  }
  if (format !== undefined && !wireFormats.includes(format))
    refuse('format', `must be one of ${wireFormats.join(', ')}`);
}

/** Beyond these years PostgreSQL and JavaScript write dates differently. */
const isStorable = (at: unknown): boolean =>
  at instanceof Date && at.getTime() >= 0 && at.getTime() < Date.UTC(10_000, 0);

function span(type: string, option: string, duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  try {
    return milliseconds(duration);
  } catch (error) {
    throw new InvalidEventOptionError(type, option, (error as Error).message, duration);
  }
}
