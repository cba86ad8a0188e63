import type { EventHeaders } from '../envelope.js';
import { HEADER } from '../headers.js';
import { binaryHeaders, STRUCTURED, structured, withoutAttributes, type About } from './cloud-event.js';
import type { Encoded, WireFormat } from './format.js';
import { nestPacket } from './nest-packet.js';

/** What of a message depends on its format. */
export interface OnWire {
  readonly body: Buffer;
  readonly contentType: string;
  readonly headers: EventHeaders;
}

/**
 * An event in its format. It is put together when it is emitted, so that the row holds the bytes that go to the broker
 * and the relay never parses a payload.
 * @throws {TypeError} for a payload that the format cannot carry; the message is the end of a sentence
 */
export function onWire(format: WireFormat, about: About, payload: Encoded): OnWire {
  const { body, contentType } = payload;
  const { headers, type } = about;
  switch (format) {
    case 'plain':
      return { body, contentType, headers };
    case 'nest':
      return {
        body: nestPacket(type, payload),
        contentType: 'application/json',
        headers: { ...headers, [HEADER.format]: format },
      };
    case 'cloudevents':
      return { body, contentType, headers: { ...withoutAttributes(headers), ...binaryHeaders(about) } };
    case 'cloudevents-structured':
      return {
        body: structured(about, payload),
        contentType: STRUCTURED,
        headers: withoutAttributes(headers),
      };
  }
}
