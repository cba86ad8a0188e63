import type { Tables } from '../../tables.js';
import type { Statement } from '../statement.js';

/** By the statistics that autovacuum itself goes by. */
export const inspectTables = ({ outbox, inbox, parked }: Tables): Statement => ({
  text: `SELECT c.relname AS table, coalesce(s.n_dead_tup, 0)::float8 AS "deadRows",
  (extract(epoch FROM clock_timestamp() - greatest(s.last_autovacuum, s.last_vacuum)) * 1000)::float8 AS "sinceVacuum",
  CASE
    WHEN NOT (current_setting('autovacuum')::boolean AND current_setting('track_counts')::boolean) THEN 'off'
    WHEN o.enabled IS FALSE THEN 'off for the table'
    ELSE 'on'
  END AS autovacuum,
  EXISTS (SELECT 1 FROM pg_stat_progress_vacuum p WHERE p.relid = c.oid) AS running
FROM pg_class c
LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
LEFT JOIN LATERAL (
  SELECT option_value::boolean AS enabled FROM pg_options_to_table(c.reloptions) WHERE option_name = 'autovacuum_enabled'
) o ON true
WHERE c.oid = ANY ($1::regclass[]::oid[])
ORDER BY c.relname`,
  values: [[outbox, inbox, parked]],
});
