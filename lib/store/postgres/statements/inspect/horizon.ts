import type { Statement } from '../statement.js';

/**
 * All that holds back what vacuum may remove from the tables of this database: snapshots and transactions that have written
 * (https://www.postgresql.org/docs/current/routine-vacuuming.html). A vacuum holds back nobody. Of other users' sessions
 * only members of pg_read_all_stats see more than that they are there.
 */
export const inspectHorizon = (): Statement => ({
  text: `SELECT kind, pid, name, application, client, state, query, age, transactions FROM (
  SELECT 'session' AS kind, pid, usename::text AS name, nullif(application_name, '') AS application,
    host(client_addr) AS client, state, left(query, 300) AS query,
    (extract(epoch FROM clock_timestamp() - xact_start) * 1000)::float8 AS age,
    greatest(age(backend_xmin), age(backend_xid)) AS transactions
  FROM pg_stat_activity
  WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
    AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL) AND query !~* '^\\s*vacuum'
  UNION ALL
  SELECT 'prepared transaction', NULL, gid, owner::text, NULL, NULL, NULL,
    (extract(epoch FROM clock_timestamp() - prepared) * 1000)::float8, age(transaction)
  FROM pg_prepared_xacts WHERE database = current_database()
  UNION ALL
  SELECT 'replication slot', active_pid, slot_name::text, NULL, NULL,
    CASE WHEN active THEN 'active' ELSE 'inactive' END, NULL, NULL, age(xmin)
  FROM pg_replication_slots WHERE xmin IS NOT NULL
  UNION ALL
  SELECT 'standby', pid, application_name, NULL, host(client_addr), state, NULL, NULL, age(backend_xmin)
  FROM pg_stat_replication WHERE backend_xmin IS NOT NULL
) h
ORDER BY transactions DESC
LIMIT 20`,
  values: [],
});

export const seesAllSessions = (): Statement => ({
  text: `SELECT pg_has_role('pg_read_all_stats', 'USAGE') AS "seesAll"`,
  values: [],
});
