import { InvalidEventTypeError } from '../errors/invalid-event-type.error.js';
import { isWellFormed } from './well-formed.js';

/** AMQP 0-9-1 §4.2.5.3: routing keys are short strings. */
const MAX_ROUTING_KEY_BYTES = 255;

/** @throws {InvalidEventTypeError} unless `type` can be a routing key that topic patterns match word by word. */
export function assertEventType(type: unknown): asserts type is string {
  if (typeof type !== 'string') throw new InvalidEventTypeError(type, 'it must be a string');
  if (type === '') throw new InvalidEventTypeError(type, 'it is empty');
  if (Buffer.byteLength(type) > MAX_ROUTING_KEY_BYTES) {
    throw new InvalidEventTypeError(type, `it is longer than ${MAX_ROUTING_KEY_BYTES} bytes`);
  }
  if (/[*#]/.test(type))
    throw new InvalidEventTypeError(type, '"*" and "#" belong to patterns, not to types');
  if (/[\s\p{Cc}]/u.test(type))
    throw new InvalidEventTypeError(type, 'it contains white space or control characters');
  if (!isWellFormed(type)) throw new InvalidEventTypeError(type, 'it contains half a surrogate pair');
  if (type.split('.').includes('')) throw new InvalidEventTypeError(type, 'it has an empty word');
}
