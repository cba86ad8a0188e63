import type { IncomingMessage } from '../../broker/subscriber.js';
import { UndecodableMessageError } from '../../errors/undecodable-message.error.js';
import type { Codecs } from '../../event/codecs/codecs.js';
import { fromAttributes, readStructured, STRUCTURED, traceOf } from '../../event/wire/cloud-event.js';
import { isJson } from '../../event/wire/format.js';
import { isNestPacket } from '../../event/wire/nest-packet.js';
import type { PayloadForm } from './payload-shape.js';

/** A message and what is in it. */
export interface OpenedMessage {
  /** With what its envelope tells of the event. */
  readonly message: IncomingMessage;
  /** @throws {UndecodableMessageError} when it has to be decoded, and the body is not what its content type says */
  payload(this: void, form: PayloadForm): unknown;
}

interface Contents {
  readonly message: IncomingMessage;
  readonly payload: unknown;
}

/** Opens messages of every format: plain, `{ pattern, data }` of Nest, and CloudEvents in both modes. */
export class MessageReader {
  constructor(private readonly codecs: Codecs) {}

  /** Never throws. A body that is nothing but the payload is decoded when it is asked for. */
  open(message: IncomingMessage): OpenedMessage {
    const decode = () => this.codecs.decode(message.body, message.contentType);
    if (!mayBeWrapped(message)) return { message, payload: (form) => inForm(form, message.body, decode) };
    const opened = this.attempt(message);
    const payload = () => {
      if ('error' in opened) throw opened.error;
      return opened.payload;
    };
    return {
      message: 'error' in opened ? message : opened.message,
      payload: (form) => inForm(form, message.body, payload),
    };
  }

  private attempt(message: IncomingMessage): Contents | { readonly error: unknown } {
    try {
      return message.envelope === 'cloudevent' ? this.cloudEvent(message) : this.nestPacket(message);
    } catch (error) {
      return { error };
    }
  }

  private cloudEvent(message: IncomingMessage): Contents {
    const { attributes, data, encoded } = structuredIn(message.body);
    const told = fromAttributes(attributes);
    const contentType = textOf(attributes['datacontenttype']);
    return {
      message: {
        ...message,
        ...given(told),
        headers: { ...traceOf(attributes), ...message.headers },
        cloudEvent: attributes,
      },
      payload: encoded ? this.codecs.decode(data as Buffer, contentType) : data,
    };
  }

  private nestPacket(message: IncomingMessage): Contents {
    const packet = this.codecs.decode(message.body, message.contentType);
    if (!isNestPacket(packet)) return { message, payload: packet };
    const type = textOf(packet.pattern) ?? message.type;
    return { message: { ...message, type }, payload: packet.data };
  }
}

/** Of foreign messages only JSON can be a packet of Nest's, which says nothing of its content type. */
const mayBeWrapped = ({ envelope, contentType = 'application/json' }: IncomingMessage): boolean =>
  envelope === 'unknown' ? isJson(contentType) : envelope !== 'none';

function structuredIn(body: Buffer): ReturnType<typeof readStructured> {
  try {
    return readStructured(body);
  } catch (error) {
    throw new UndecodableMessageError(STRUCTURED, (error as Error).message, { cause: error });
  }
}

function inForm(form: PayloadForm, body: Buffer, decoded: () => unknown): unknown {
  if (form === 'bytes') return body;
  return form === 'text' ? textIn(body, decoded) : decoded();
}

/** What decodes to a string is that string; everything else is the body’s text. */
function textIn(body: Buffer, decoded: () => unknown): string {
  try {
    const value = decoded();
    if (typeof value === 'string') return value;
  } catch {
    // Whoever asks for text need not have something that can be decoded.
  }
  return body.toString('utf8');
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

const given = <T extends object>(values: T): Partial<T> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
