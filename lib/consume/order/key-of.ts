import { createHash } from 'node:crypto';
import type { IncomingMessage } from '../../broker/subscriber.js';

/** What `emit()` allows; others may send anything. */
const LONGEST = 255;

/** The key that a message keeps its order by. Keys too long for an index stand for themselves by their hash. */
export function keyOf({ key }: Pick<IncomingMessage, 'key'>): string | undefined {
  if (key === undefined || Buffer.byteLength(key) <= LONGEST) return key;
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}
