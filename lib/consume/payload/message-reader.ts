import type { IncomingMessage } from '../../broker/subscriber.js';
import type { Codecs } from '../../event/codecs/codecs.js';
import type { PayloadForm } from './payload-shape.js';

/** Reads the payload out of a message. */
export class MessageReader {
  constructor(private readonly codecs: Codecs) {}

  /** @throws {UndecodableMessageError} when it has to be decoded and the body is not what its content type says */
  payload(message: IncomingMessage, form: PayloadForm): unknown {
    if (form === 'bytes') return message.body;
    return form === 'text' ? this.text(message) : this.decoded(message);
  }

  /** What decodes to a string is that string; everything else is the body’s text. */
  private text(message: IncomingMessage): string {
    try {
      const decoded = this.decoded(message);
      if (typeof decoded === 'string') return decoded;
    } catch {
      // Whoever asks for text need not have something that can be decoded.
    }
    return message.body.toString('utf8');
  }

  private decoded({ body, contentType }: IncomingMessage): unknown {
    return this.codecs.decode(body, contentType);
  }
}
