import type { QueuedDeadLetter } from '../../broker/dead-letters.js';
import type { IncomingMessage } from '../../broker/subscriber.js';
import { identityOf } from '../../consume/event-identity.js';
import type { MessageReader } from '../../consume/payload/message-reader.js';
import { HEADER } from '../../event/headers.js';
import { attributesAmong, STRUCTURED } from '../../event/wire/cloud-event.js';
import type { DeadEvent } from '../../store/dead-events.js';
import type { Subject } from './criteria.js';
import { PUBLISHING, toldBy, type DeadLetter } from './dead-letter.js';

/** A dead letter that has not been decoded: looking for some among many should not cost that. */
export interface SealedLetter extends Subject {
  open(this: void): DeadLetter;
}

/** Makes one model of rows and messages, with the payload out of whatever it is wrapped in. */
export class DeadLetterReader {
  constructor(private readonly messages: MessageReader) {}

  ofRow(event: DeadEvent): DeadLetter {
    const { attempts, errors } = event;
    return this.sealed(asMessage(event), PUBLISHING, { attempts, errors, stack: undefined }).open();
  }

  ofMessage(where: string, letter: QueuedDeadLetter): SealedLetter {
    return this.sealed(letter.message, where, letter);
  }

  /** What its handler knows the event by. */
  identityOf({ message }: QueuedDeadLetter): string {
    return identityOf(this.messages.open(message).message);
  }

  private sealed(
    incoming: IncomingMessage,
    where: string,
    { attempts, errors, stack }: Pick<QueuedDeadLetter, 'attempts' | 'errors' | 'stack'>,
  ): SealedLetter {
    const { message, payload } = this.messages.open(incoming);
    const { type, key = null, contentType = null, headers } = message;
    const { correlationId = null, occurredAt = null } = message;
    const told = toldBy(errors);
    const about = { id: incoming.id, type, key, where };
    return {
      ...about,
      ...told,
      open: () => ({
        ...about,
        ...decoded(payload, incoming.body),
        ...{ contentType, headers, correlationId, attempts, ...told, stack: stack ?? null, occurredAt },
      }),
    };
  }
}

function decoded(payload: (form: 'decoded') => unknown, body: Buffer) {
  try {
    return { payload: payload('decoded'), undecodable: null };
  } catch (error) {
    return { payload: body, undecodable: (error as Error).message };
  }
}

/** The message that the event would have become. */
function asMessage(event: DeadEvent): IncomingMessage {
  const all = event.headers ?? {};
  const theirs = Object.entries(all).filter(([name]) => !name.startsWith('outbox-'));
  return {
    id: event.id,
    type: event.type,
    routingKey: event.type,
    key: event.key ?? undefined,
    body: event.body,
    contentType: event.contentType,
    envelope:
      all[HEADER.format] === 'nest' ? 'nest' : event.contentType === STRUCTURED ? 'cloudevent' : 'none',
    cloudEvent: attributesAmong(all),
    headers: Object.fromEntries(theirs),
    attempt: 1,
    redelivered: false,
    correlationId: event.correlationId ?? undefined,
    causationId: undefined,
    trackingIds: [],
    occurredAt: new Date(event.occurredAt),
    wakes: undefined,
    raw: undefined,
  };
}
