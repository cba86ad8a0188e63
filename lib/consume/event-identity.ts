import { createHash } from 'node:crypto';
import type { IncomingMessage } from '../broker/subscriber.js';
import { isShortString } from '../event/short-string.js';

/**
 * What an event is recognised by when it comes again; `''` when it has no id, and cannot be. The ids of CloudEvents are
 * their sources' own: two sources may both have a first event. What is too long, or no text to a database, is represented
 * by its hash.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#id
 */
export function identityOf({ id, cloudEvent }: Pick<IncomingMessage, 'id' | 'cloudEvent'>): string {
  if (id === '') return '';
  const source = cloudEvent?.['source'];
  const identity = source === undefined ? id : `${source} ${id}`;
  return isShortString(identity) ? identity : `sha256 ${createHash('sha256').update(identity).digest('hex')}`;
}
