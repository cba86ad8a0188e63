import type { EventHeaders } from '../envelope.js';
import { asJson, type Encoded } from './format.js';

/**
 * CloudEvents 1.0: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md, and its bindings for JSON and
 * AMQP. RabbitMQ translates headers of AMQP 0-9-1 and application properties of 1.0 into each other.
 */

/** Context attributes, extensions included. */
export type CloudEventAttributes = Readonly<Record<string, string | number | boolean>>;

/** Content type of an event in structured mode. */
export const STRUCTURED = 'application/cloudevents+json';

/** What is known of an event when it is emitted. */
export interface About {
  readonly id: string;
  readonly type: string;
  readonly key: string | null;
  /** Who emits it: a URI reference. */
  readonly source: string;
  readonly time: Date;
  readonly correlationId: string | null;
  readonly headers: EventHeaders;
}

const SPEC_VERSION = '1.0';

/**
 * `partitionkey`, `correlationid`, `causationid` and `traceparent` are documented extensions of the specification.
 * Others, and all that is not what the event is known by, the emitter can give as headers in binary form.
 */
function attributesOf({ id, type, key, source, time, correlationId, headers }: About): CloudEventAttributes {
  const { traceparent, tracestate, 'outbox-causation-id': causationId } = headers;
  return {
    source,
    time: time.toISOString(),
    ...(key !== null && { subject: key, partitionkey: key }),
    ...(correlationId !== null && { correlationid: correlationId }),
    ...(causationId !== undefined && { causationid: causationId }),
    ...(traceparent !== undefined && { traceparent }),
    ...(tracestate !== undefined && { tracestate }),
    ...attributesIn(headers),
    specversion: SPEC_VERSION,
    id,
    type,
  };
}

/** Binary mode: each attribute a header. Of the two prefixes the binding knows, the one that JMS can carry. */
export const binaryHeaders = (about: About): EventHeaders =>
  Object.fromEntries(
    Object.entries(attributesOf(about)).map(([name, value]) => [`cloudEvents_${name}`, value]),
  );

/** Structured mode: the attributes and the payload, as JSON where it is JSON, in one document. */
export function structured(about: About, payload: Encoded): Buffer {
  const head = JSON.stringify({ ...attributesOf(about), datacontenttype: payload.contentType });
  const json = asJson(payload);
  const data = json ? ['"data":', json] : ['"data_base64":"', payload.body.toString('base64'), '"'];
  return Buffer.concat([head.slice(0, -1), ',', ...data, '}'].map((part) => Buffer.from(part)));
}

/** The attributes among the headers of a message, of either prefix; `undefined` when it is no CloudEvent. */
export function attributesAmong(
  headers: Readonly<Record<string, unknown>>,
): CloudEventAttributes | undefined {
  // Most messages are none, and this runs for every one of them.
  const marked = 'cloudEvents_specversion' in headers || 'cloudEvents:specversion' in headers;
  return marked ? attributesIn(headers) : undefined;
}

/** Headers that are no attributes. */
export const withoutAttributes = <T>(headers: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(headers).filter(([header]) => !ATTRIBUTE.test(header)));

function attributesIn(headers: Readonly<Record<string, unknown>>): CloudEventAttributes {
  const found = Object.entries(headers).flatMap(([header, value]) => {
    const name = ATTRIBUTE.exec(header)?.[1];
    const scalar = scalarOf(value);
    return name === undefined || scalar === undefined ? [] : [[name.toLowerCase(), scalar] as const];
  });
  return Object.fromEntries(found);
}

const ATTRIBUTE = /^cloudEvents[_:]([a-z0-9]+)$/i;

/** What attributes tell of an event, in our words. */
export interface Told {
  readonly id: string | undefined;
  readonly type: string | undefined;
  readonly key: string | undefined;
  readonly correlationId: string | undefined;
  readonly causationId: string | undefined;
  readonly occurredAt: Date | undefined;
}

export function fromAttributes(attributes: CloudEventAttributes): Told {
  const text = (name: string): string | undefined => {
    const value = attributes[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const time = new Date(text('time') ?? Number.NaN);
  return {
    id: text('id'),
    type: text('type'),
    key: text('partitionkey'),
    correlationId: text('correlationid'),
    causationId: text('causationid'),
    occurredAt: Number.isNaN(time.getTime()) ? undefined : time,
  };
}

/** W3C trace context, where headers of a message have it. */
export function traceOf({ traceparent, tracestate }: CloudEventAttributes): Record<string, string> {
  const texts = Object.entries({ traceparent, tracestate }).filter(([, value]) => typeof value === 'string');
  return Object.fromEntries(texts) as Record<string, string>;
}

export const isStructured = (contentType: string | undefined): boolean =>
  contentType !== undefined && /^application\/cloudevents\+json\s*(;|$)/i.test(contentType);

/** A document of structured mode, taken apart. */
export interface Structured {
  readonly attributes: CloudEventAttributes;
  /** The payload: decoded, or bytes that are still to be decoded as `datacontenttype` says. */
  readonly data: unknown;
  readonly encoded: boolean;
}

/** @throws {TypeError | SyntaxError} for what is no event */
export function readStructured(body: Buffer): Structured {
  const document = JSON.parse(body.toString('utf8')) as unknown;
  if (typeof document !== 'object' || document === null || !('specversion' in document))
    throw new TypeError('it has no "specversion", so it is no CloudEvent');
  const { data, data_base64: base64, ...rest } = document as Record<string, unknown>;
  const scalars = Object.entries(rest).flatMap(([name, value]) => {
    const scalar = scalarOf(value);
    return scalar === undefined ? [] : [[name, scalar] as const];
  });
  const attributes = Object.fromEntries(scalars);
  if (typeof base64 !== 'string') return { attributes, data: data ?? null, encoded: false };
  return { attributes, data: Buffer.from(base64, 'base64'), encoded: true };
}

/** Attributes are scalars; AMQP has a type for times, which amqplib shows as `{ '!': 'timestamp', value }`. */
function scalarOf(value: unknown): string | number | boolean | undefined {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  const { '!': kind, value: seconds } = (value ?? {}) as { '!'?: unknown; value?: unknown };
  return kind === 'timestamp' ? new Date(Number(seconds) * 1_000).toISOString() : undefined;
}
