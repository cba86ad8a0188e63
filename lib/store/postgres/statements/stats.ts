import type { Tables } from '../tables.js';
import type { Statement } from './statement.js';

/** Counts through partial indexes, each stopping at `limit`: never a full count of a hot table. */
export function stats({ outbox }: Tables, limit: number): Statement {
  const capped = (where: string) =>
    `(SELECT count(*) FROM (SELECT 1 FROM ${outbox} WHERE ${where} LIMIT $1) c)::int`;
  const ready = "state = 'pending' AND available_at IS NULL";
  const delayed = "state = 'pending' AND available_at IS NOT NULL";
  return {
    text: `SELECT
  ${capped(ready)} + ${capped(delayed)} AS pending,
  ${capped("errors IS NOT NULL AND state <> 'published' AND state = 'pending'")} AS retrying,
  ${capped("errors IS NOT NULL AND state <> 'published' AND state = 'dead'")} AS dead,
  coalesce(extract(epoch FROM clock_timestamp() - least(
    (SELECT created_at FROM ${outbox} WHERE ${ready} ORDER BY seq LIMIT 1),
    (SELECT min(available_at) FROM ${outbox} WHERE ${delayed} AND available_at <= clock_timestamp())
  )) * 1000, 0)::float8 AS lag`,
    values: [limit],
  };
}
