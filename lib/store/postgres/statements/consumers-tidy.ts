import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/** Processes that are long gone are forgotten, but for the last one of each queue. */
export const consumersTidy = ({ consumers }: Tables): Statement => ({
  text: `DELETE FROM ${consumers} c
WHERE c.seen_at < now() - interval '1 hour'
  AND EXISTS (SELECT 1 FROM ${consumers} later
    WHERE later.queue = c.queue AND (later.seen_at, later.process) > (c.seen_at, c.process))`,
  values: [],
});
