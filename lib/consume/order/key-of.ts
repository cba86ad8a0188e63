import { createHash } from 'node:crypto';
import type { IncomingMessage } from '../../broker/subscriber.js';
import { isShortString } from '../../event/short-string.js';

/**
 * The key that a message keeps its order by. `emit()` allows what a table and its index can hold; others may send anything,
 * and such keys are represented by their hash.
 */
export function keyOf({ key }: Pick<IncomingMessage, 'key'>): string | undefined {
  if (key === undefined || isShortString(key)) return key;
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}
