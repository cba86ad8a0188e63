import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { AmqpException } from './errors.js';
import type { ClientMethod, ClientMethods, Properties, ServerMethods } from './methods.js';

/**
 * The wire format is amqplib's own: it is generated from the specification and is what our clients speak. The two files
 * are not among its exports, hence the path; a version that moves them fails here, when the testing kit is loaded.
 */
interface Definitions {
  decode(id: number, fields: Buffer): object;
  encodeMethod(id: number, channel: number, fields: object): Buffer;
  encodeProperties(id: number, channel: number, size: number, properties: object): Buffer;
  info(id: number): { name: string };
}

export interface Frame {
  type: number;
  channel: number;
  payload: Buffer;
  rest: Buffer;
}

interface Framing {
  PROTOCOL_HEADER: string;
  HEARTBEAT_BUF: Buffer;
  parseFrame(bytes: Buffer, maxPayload: number): Frame | false;
}

const require = createRequire(import.meta.url);
const lib = join(dirname(require.resolve('amqplib')), 'lib');
const defs = require(join(lib, 'defs.js')) as Definitions & Record<string, number>;
const framing = require(join(lib, 'frame.js')) as Framing;

export const PROTOCOL_HEADER = Buffer.from(framing.PROTOCOL_HEADER, 'latin1');
export const HEARTBEAT = framing.HEARTBEAT_BUF;
export const FRAME = { method: 1, header: 2, body: 3, heartbeat: 8 } as const;

/** Bytes around a frame's payload: type, channel and size before it, an end mark after it. */
const FRAME_PREFIX = 7;
const FRAME_OVERHEAD = 8;
const FRAME_END = 0xce;
const BASIC_CLASS = 60;

/** The next whole frame, or false when more bytes are needed. */
export function parseFrame(bytes: Buffer, maxPayload: number): Frame | false {
  try {
    return framing.parseFrame(bytes, maxPayload);
  } catch (error) {
    throw new AmqpException('FRAME_ERROR', (error as Error).message);
  }
}

export function decodeMethod(payload: Buffer): ClientMethod {
  try {
    const id = payload.readUInt32BE(0);
    const { name } = defs.info(id);
    return {
      name: name as keyof ClientMethods,
      id,
      fields: defs.decode(id, payload.subarray(4)),
    } as ClientMethod;
  } catch (error) {
    throw new AmqpException('SYNTAX_ERROR', (error as Error).message);
  }
}

export function encodeMethod<Name extends keyof ServerMethods>(
  name: Name,
  channel: number,
  fields: ServerMethods[Name],
): Buffer {
  return defs.encodeMethod(defs[name] as number, channel, fields);
}

/** A content header: how many bytes of body follow, and the message's properties. */
export function decodeContentHeader(payload: Buffer): { size: number; properties: Properties } {
  try {
    return {
      size: Number(payload.readBigUInt64BE(4)),
      properties: defs.decode(payload.readUInt16BE(0), payload.subarray(12)) as Properties,
    };
  } catch (error) {
    throw new AmqpException('SYNTAX_ERROR', (error as Error).message);
  }
}

export function encodeContentHeader(size: number, properties: Properties): Buffer {
  return defs.encodeProperties(BASIC_CLASS, 0, size, properties).subarray(FRAME_PREFIX, -1);
}

/** Method, header and body frames of one message in one buffer: one copy instead of many small writes. */
export function encodeContent(
  method: Buffer,
  channel: number,
  header: Buffer,
  body: Buffer,
  frameMax: number,
): Buffer {
  const room = frameMax - FRAME_OVERHEAD;
  const frames = 1 + Math.ceil(body.length / room);
  const out = Buffer.allocUnsafe(method.length + header.length + body.length + frames * FRAME_OVERHEAD);
  let offset = method.copy(out);
  offset = writeFrame(out, offset, FRAME.header, channel, header);
  for (let from = 0; from < body.length; from += room) {
    offset = writeFrame(out, offset, FRAME.body, channel, body.subarray(from, from + room));
  }
  return out;
}

function writeFrame(out: Buffer, offset: number, type: number, channel: number, payload: Buffer): number {
  offset = out.writeUInt8(type, offset);
  offset = out.writeUInt16BE(channel, offset);
  offset = out.writeUInt32BE(payload.length, offset);
  offset += payload.copy(out, offset);
  return out.writeUInt8(FRAME_END, offset);
}
