import { createHash } from 'node:crypto';
import type { IncomingMessage } from '../broker/subscriber.js';

/** Longer ones, or those that no database takes for text, are remembered by their hash. */
const LONGEST = 255;

/**
 * What an event is recognised by when it comes again; `''` when it has no id, and cannot be. The ids of CloudEvents are
 * their sources' own: two sources may both have a first event.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#id
 */
export function identityOf({ id, cloudEvent }: Pick<IncomingMessage, 'id' | 'cloudEvent'>): string {
  if (id === '') return '';
  const source = cloudEvent?.['source'];
  const identity = source === undefined ? id : `${source} ${id}`;
  const fits = Buffer.byteLength(identity) <= LONGEST && !identity.includes('\0');
  return fits ? identity : `sha256 ${createHash('sha256').update(identity).digest('hex')}`;
}
