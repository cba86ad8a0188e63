import { quoted } from '../tables.js';
import type { Migration } from './migration.js';

/**
 * The tables. Why they look like this:
 * - `payload` is bytea: the relay hands bytes from disk to socket and never parses them (jsonb costs 11 % of its rate).
 * - `seq` is the order of emission; `xid` is the emitting transaction, which lets the reader find exactly the rows that
 *   became visible since it last looked, however late they committed (see statements/read-fresh.ts).
 * - `available_at` is null for "at once", so that the two indexes the hot path uses hold only rows ready to go; delayed
 *   and retried rows live in a small index of their own.
 * - `headers` are checked: the relay reads them, and one row with broken ones (from somebody's own INSERT) would stop it.
 * - `errors` is the history of the attempts that failed, and what makes a row hold back the rest of its key: a dead row that
 *   was put back has no attempts behind it, but keeps its place.
 * - The consumers announce themselves: AMQP cannot list queues, and who looks for dead letters has no handlers.
 * - The archive is filled by `archive: 'table'` alone. Nothing in it is unique, so that nothing can keep a row from it.
 * - Every index but the keys is partial: a published row costs nothing to keep but its place on disk.
 * - Autovacuum goes by a constant number of dead rows: a fraction of a table that keeps a week of rows is far too many.
 */
export const createOutbox: Migration = {
  version: 1,
  timestamp: 1_795_219_200_000,
  name: 'CreateOutbox',

  up: ({ schema, outbox, inbox, archive, consumers, relays, parked, parkedOwner, versions, outboxName }) => [
    ...(schema ? [createSchema(schema)] : []),
    `CREATE TABLE IF NOT EXISTS ${versions} (
  version integer PRIMARY KEY,
  applied_at timestamptz NOT NULL DEFAULT now()
)`,
    `CREATE TABLE ${outbox} (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  lane smallint NOT NULL,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'published', 'dead')),
  type text NOT NULL,
  key text,
  payload bytea NOT NULL,
  content_type text NOT NULL,
  headers text CHECK (json_typeof(headers::json) = 'object'),
  exchange text,
  correlation_id text,
  expiration bigint,
  priority smallint,
  require_route boolean,
  created_at timestamptz NOT NULL DEFAULT now(),
  available_at timestamptz,
  attempts integer NOT NULL DEFAULT 0,
  last_error text,
  errors jsonb,
  published_at timestamptz,
  returned boolean NOT NULL DEFAULT false
) WITH (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
)`,
    `CREATE INDEX "${outboxName}_ready_seq" ON ${outbox} (seq) WHERE state = 'pending' AND available_at IS NULL`,
    `CREATE INDEX "${outboxName}_ready_xid" ON ${outbox} (xid) WHERE state = 'pending' AND available_at IS NULL`,
    `CREATE INDEX "${outboxName}_ready_key" ON ${outbox} (key, seq) WHERE state = 'pending' AND available_at IS NULL`,
    `CREATE INDEX "${outboxName}_delayed" ON ${outbox} (available_at) WHERE state = 'pending' AND available_at IS NOT NULL`,
    `CREATE INDEX "${outboxName}_failed" ON ${outbox} (key, seq) WHERE errors IS NOT NULL AND state <> 'published'`,
    `CREATE INDEX "${outboxName}_dead" ON ${outbox} (seq) WHERE state = 'dead'`,
    `CREATE TABLE ${archive} (
  seq bigint NOT NULL,
  id uuid NOT NULL,
  type text NOT NULL,
  key text,
  payload bytea NOT NULL,
  content_type text NOT NULL,
  headers text,
  exchange text,
  correlation_id text,
  expiration bigint,
  priority smallint,
  created_at timestamptz NOT NULL,
  attempts integer NOT NULL,
  last_error text,
  errors jsonb,
  published_at timestamptz NOT NULL,
  returned boolean NOT NULL,
  archived_at timestamptz NOT NULL DEFAULT now()
)`,
    `CREATE INDEX "${outboxName}_archive_id" ON ${archive} (id)`,
    `CREATE INDEX "${outboxName}_archive_age" ON ${archive} USING brin (archived_at)`,
    `CREATE TABLE ${inbox} (
  consumer text NOT NULL,
  event_id text NOT NULL,
  handled_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, event_id)
) WITH (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 500000
)`,
    `CREATE INDEX "${outboxName}_inbox_age" ON ${inbox} (handled_at)`,
    `CREATE TABLE ${consumers} (
  queue text NOT NULL,
  process text NOT NULL,
  service text NOT NULL,
  host text NOT NULL,
  handlers text[] NOT NULL,
  patterns text[] NOT NULL,
  exchange text NOT NULL,
  needs jsonb NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now(),
  stopped_at timestamptz,
  PRIMARY KEY (queue, process)
)`,
    `CREATE TABLE ${relays} (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  service text NOT NULL,
  host text NOT NULL,
  pid integer NOT NULL,
  lanes smallint NOT NULL DEFAULT 0,
  report jsonb NOT NULL DEFAULT '{}',
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at timestamptz NOT NULL DEFAULT now()
)`,
    `CREATE TABLE ${parked} (
  consumer text NOT NULL,
  key text NOT NULL,
  seq bigint GENERATED ALWAYS AS IDENTITY,
  event_id text NOT NULL,
  attempts integer NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'dead')),
  due_at timestamptz,
  error text,
  type text NOT NULL,
  routing_key text NOT NULL,
  properties text NOT NULL,
  body bytea NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, key, seq),
  UNIQUE (consumer, event_id)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`,
    `CREATE INDEX "${outboxName}_parked_due" ON ${parked} (consumer, due_at) WHERE due_at IS NOT NULL`,
    `CREATE TABLE ${parkedOwner} (
  consumer text PRIMARY KEY,
  epoch bigint NOT NULL
)`,
  ],

  down: ({ outbox, inbox, archive, consumers, relays, parked, parkedOwner, versions }) => [
    `DROP TABLE ${parkedOwner}`,
    `DROP TABLE ${parked}`,
    `DROP TABLE ${consumers}`,
    `DROP TABLE ${relays}`,
    `DROP TABLE ${inbox}`,
    `DROP TABLE ${archive}`,
    `DROP TABLE ${outbox}`,
    `DROP TABLE ${versions}`,
  ],
};

/** `CREATE SCHEMA IF NOT EXISTS` asks for the right to create schemas even where there is nothing to create. */
const createSchema = (schema: string) => `DO $$ BEGIN
  IF to_regnamespace('${quoted(schema).replaceAll("'", "''")}') IS NULL THEN CREATE SCHEMA ${quoted(schema)}; END IF;
END $$`;
