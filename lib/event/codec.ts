import { UndecodableMessageError } from '../errors/undecodable-message.error.js';
import { UnserializablePayloadError } from '../errors/unserializable-payload.error.js';

/** A payload as bytes, and what those bytes are. */
export interface EncodedPayload {
  readonly body: Buffer;
  readonly contentType: string;
}

/**
 * Turns a payload into bytes. Buffers and typed arrays travel as they are (`application/octet-stream`, no base64);
 * everything else is JSON.
 * @throws {UnserializablePayloadError} for what JSON cannot carry: circular structures, BigInt, `undefined`, functions.
 */
export function encodePayload(type: string, payload: unknown): EncodedPayload {
  if (Buffer.isBuffer(payload)) return { body: payload, contentType: 'application/octet-stream' };
  if (payload instanceof Uint8Array) {
    return {
      body: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
      contentType: 'application/octet-stream',
    };
  }
  return { body: Buffer.from(stringify(type, payload)), contentType: 'application/json' };
}

function stringify(type: string, payload: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(payload);
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : `toJSON() threw ${String(error)}`;
    throw new UnserializablePayloadError(type, reason ?? 'not JSON', { cause: error });
  }
  if (text === undefined) {
    throw new UnserializablePayloadError(
      type,
      `${typeof payload} has no JSON form; emit null for “no payload”`,
    );
  }
  return text;
}

/**
 * The payload of a message, by its content type: JSON is parsed, text is a string, anything else stays a Buffer.
 * @throws {UndecodableMessageError} when the body is not what the content type says.
 */
export function decodePayload(body: Buffer, contentType: string | undefined): unknown {
  const mediaType = (contentType ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? '';
  if (mediaType === 'application/json' || mediaType.endsWith('+json')) return parseJson(body, mediaType);
  if (mediaType.startsWith('text/')) return body.toString('utf8');
  return body;
}

function parseJson(body: Buffer, mediaType: string): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new UndecodableMessageError(mediaType, (error as Error).message, { cause: error });
  }
}
