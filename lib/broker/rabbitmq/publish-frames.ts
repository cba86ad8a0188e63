import type { Options } from 'amqplib';

/** A message to publish, as `basic.publish` takes it. */
export interface PublishRequest {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  /** `messageId` must be unique among what is in flight to one routing key: returns are told apart by it. */
  readonly properties: Options.Publish & { messageId?: string };
}

/** Messages to publish, in order. A list will do; so will what makes each when it is asked for, and forgets it. */
export type Publishes = Pick<readonly PublishRequest[], 'length' | 'at'>;

/** Of AMQP 0-9-1: frame types, the end of every frame, and the bytes a frame costs beside its payload. */
const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_END = 0xce;
const FRAME_OVERHEAD = 8;

const BASIC_CLASS = 60;
const PUBLISH_METHOD = 40;
const MANDATORY = 1;
const PERSISTENT = 2;

/** Property flags in the order the properties are written (AMQP 0-9-1 §4.2.6.1). */
const FLAG = {
  contentType: 1 << 15,
  contentEncoding: 1 << 14,
  headers: 1 << 13,
  deliveryMode: 1 << 12,
  priority: 1 << 11,
  correlationId: 1 << 10,
  replyTo: 1 << 9,
  expiration: 1 << 8,
  messageId: 1 << 7,
  timestamp: 1 << 6,
  type: 1 << 5,
  userId: 1 << 4,
  appId: 1 << 3,
} as const;

/** Bytes that so many publishes are likely to take, of which the first is like the others. */
export const likelySize = (requests: Publishes): number =>
  requests.length * ((requests.at(0)?.body.length ?? 0) + 512);

/**
 * The frames of many publishes in one buffer: method, header and body frames of each, back to back. amqplib's own
 * `publish` encodes the same bytes message by message and hands each to a stream, which costs 12–14 µs; the relay
 * publishes hundreds at once and gets away with a quarter of that.
 * They are written into `memory`, and into a larger piece of their own if they do not fit.
 * @throws {RangeError} for text or headers longer than AMQP can carry
 * @throws {TypeError} for headers that are not scalars
 */
export function encodePublishes(
  requests: Publishes,
  channel: number,
  frameMax: number,
  memory: Buffer,
): Buffer {
  const writer = new FrameWriter(channel, frameMax, memory);
  for (let index = 0; index < requests.length; index++) writer.publish(requests.at(index) as PublishRequest);
  return writer.bytes();
}

/** Up to this length a text of ASCII is written faster character by character than by a call into the engine. */
const SHORT = 64;

class FrameWriter {
  private at = 0;

  constructor(
    private readonly channel: number,
    private readonly frameMax: number,
    private buffer: Buffer,
  ) {}

  bytes(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  publish({ exchange, routingKey, body, properties }: PublishRequest): void {
    const method = this.begin(METHOD);
    this.method(exchange, routingKey, properties.mandatory === true);
    this.end(method);
    const header = this.begin(HEADER);
    this.header(body.length, properties);
    this.end(header);
    const most = this.frameMax - FRAME_OVERHEAD;
    for (let from = 0; from < body.length; from += most) {
      const frame = this.begin(BODY);
      this.raw(body, from, Math.min(from + most, body.length));
      this.end(frame);
    }
  }

  /** Where the payload of the frame begins. */
  private begin(type: number): number {
    this.reserve(7);
    this.buffer[this.at] = type;
    this.buffer.writeUInt16BE(this.channel, this.at + 1);
    return (this.at += 7);
  }

  private end(payload: number): void {
    this.buffer.writeUInt32BE(this.at - payload, payload - 4);
    this.octet(FRAME_END);
  }

  private method(exchange: string, routingKey: string, mandatory: boolean): void {
    this.short(BASIC_CLASS);
    this.short(PUBLISH_METHOD);
    this.short(0);
    this.shortString(exchange);
    this.shortString(routingKey);
    this.octet(mandatory ? MANDATORY : 0);
  }

  private header(size: number, properties: PublishRequest['properties']): void {
    this.short(BASIC_CLASS);
    this.short(0);
    this.long(size);
    const flagsAt = this.at;
    this.short(0);
    const flags = this.properties(properties);
    this.buffer.writeUInt16BE(flags, flagsAt);
  }

  /** Writes what is given and returns the flags of it. */
  private properties(properties: PublishRequest['properties']): number {
    let flags = this.text(FLAG.contentType, properties.contentType);
    flags |= this.text(FLAG.contentEncoding, properties.contentEncoding);
    if (properties.headers) {
      flags |= FLAG.headers;
      this.table(properties.headers as Record<string, unknown>);
    }
    if (properties.persistent === true) {
      flags |= FLAG.deliveryMode;
      this.octet(PERSISTENT);
    }
    if (properties.priority !== undefined) {
      flags |= FLAG.priority;
      this.octet(properties.priority);
    }
    flags |= this.text(FLAG.correlationId, properties.correlationId);
    flags |= this.text(FLAG.replyTo, properties.replyTo);
    flags |= this.text(FLAG.expiration, properties.expiration);
    flags |= this.text(FLAG.messageId, properties.messageId);
    if (properties.timestamp !== undefined) {
      flags |= FLAG.timestamp;
      this.long(properties.timestamp);
    }
    flags |= this.text(FLAG.type, properties.type);
    flags |= this.text(FLAG.userId, properties.userId);
    flags |= this.text(FLAG.appId, properties.appId);
    return flags;
  }

  /** The flag, if there is such a property. */
  private text(flag: number, value: string | number | null | undefined): number {
    if (value === undefined || value === null) return 0;
    this.shortString(typeof value === 'string' ? value : String(value));
    return flag;
  }

  private table(headers: Record<string, unknown>): void {
    this.reserve(4);
    const start = this.at;
    this.at += 4;
    for (const name in headers) {
      const value = headers[name];
      if (value === undefined) continue;
      this.shortString(name);
      this.field(name, value);
    }
    const size = this.at - start - 4;
    if (size > 65_000)
      throw new RangeError(`the headers take ${size} bytes, more than a frame of 64 KiB has room for`);
    this.buffer.writeUInt32BE(size, start);
  }

  /** Types as amqplib chooses them, so that a header reads the same whichever of the two has written it. */
  private field(name: string, value: unknown): void {
    if (typeof value === 'string') this.longString(value);
    else if (typeof value === 'boolean')
      this.tagged('t', 1, () => this.buffer.writeUInt8(value ? 1 : 0, this.at));
    else if (typeof value === 'number') this.number(value);
    else throw new TypeError(`the header ${name} is a ${typeof value}, not a string, number or boolean`);
  }

  private number(value: number): void {
    if (!Number.isInteger(value) || Math.abs(value) >= 2 ** 63) {
      this.tagged('d', 8, () => this.buffer.writeDoubleBE(value, this.at));
    } else if (value >= -128 && value < 128) this.tagged('b', 1, () => this.buffer.writeInt8(value, this.at));
    else if (value >= -32_768 && value < 32_768)
      this.tagged('s', 2, () => this.buffer.writeInt16BE(value, this.at));
    else if (value >= -(2 ** 31) && value < 2 ** 31)
      this.tagged('I', 4, () => this.buffer.writeInt32BE(value, this.at));
    else this.tagged('l', 8, () => this.buffer.writeBigInt64BE(BigInt(value), this.at));
  }

  private tagged(tag: string, size: number, write: () => void): void {
    this.octet(tag.charCodeAt(0));
    this.reserve(size);
    write();
    this.at += size;
  }

  private longString(text: string): void {
    this.octet('S'.charCodeAt(0));
    const most = text.length * 3;
    this.reserve(4 + most);
    const size = this.buffer.write(text, this.at + 4);
    this.buffer.writeUInt32BE(size, this.at);
    this.at += 4 + size;
  }

  private shortString(text: string): void {
    this.reserve(1 + text.length * 3);
    const size = this.asciiSize(text) ?? this.buffer.write(text, this.at + 1);
    if (size > 255)
      throw new RangeError(`"${text.slice(0, 40)}…" is ${size} bytes long, AMQP allows 255 here`);
    this.buffer.writeUInt8(size, this.at);
    this.at += 1 + size;
  }

  /** Writes a short text of ASCII, behind the octet for its size. Undefined, if it is another. */
  private asciiSize(text: string): number | undefined {
    const { buffer, at } = this;
    const { length } = text;
    if (length > SHORT) return undefined;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code > 127) return undefined;
      buffer[at + 1 + index] = code;
    }
    return length;
  }

  private raw(bytes: Buffer, from: number, to: number): void {
    this.reserve(to - from);
    bytes.copy(this.buffer, this.at, from, to);
    this.at += to - from;
  }

  private octet(value: number): void {
    this.reserve(1);
    this.buffer[this.at++] = value;
  }

  private short(value: number): void {
    this.reserve(2);
    this.at = this.buffer.writeUInt16BE(value, this.at);
  }

  /** 64 bits; sizes and seconds stay far below 2^53. */
  private long(value: number): void {
    this.reserve(8);
    this.buffer.writeUInt32BE(Math.floor(value / 2 ** 32), this.at);
    this.buffer.writeUInt32BE(value >>> 0, this.at + 4);
    this.at += 8;
  }

  private reserve(size: number): void {
    if (this.at + size <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.at + size));
    this.buffer.copy(larger, 0, 0, this.at);
    this.buffer = larger;
  }
}
