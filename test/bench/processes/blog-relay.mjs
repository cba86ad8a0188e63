// The relay of many a blog post: every so often, read a hundred rows; publish, wait, mark; one by one.
import amqp from 'amqplib';
import pg from 'pg';
import { rate } from '../measure.mjs';

const ROWS_PER_POLL = 100;

let database;
let connection;
let channel;
let site;

export async function start(where) {
  site = where;
  database = new pg.Client({ connectionString: site.databaseUrl });
  await database.connect();
  await database.query(`SET search_path = ${site.schema}`);
  await database.query(`CREATE TABLE outbox (
    id bigserial PRIMARY KEY, type text NOT NULL, payload text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(), published_at timestamptz)`);
  await database.query('CREATE INDEX ON outbox (id) WHERE published_at IS NULL');
  connection = await amqp.connect(site.rabbitUrl);
  channel = await connection.createConfirmChannel();
}

/** Rows per second, each poll followed by `sleep` milliseconds. */
export async function run(rows, bytes, sleep) {
  await database.query('TRUNCATE outbox');
  const insert = `INSERT INTO outbox (type, payload) SELECT 'bench.event', repeat('x', $2) FROM generate_series(1, $1)`;
  await database.query(insert, [rows, bytes]);
  return rate(rows, async () => {
    for (let done = 0; done < rows;) {
      done += await poll();
      if (sleep > 0) await new Promise((resolve) => setTimeout(resolve, sleep));
    }
  });
}

async function poll() {
  const select = `SELECT id, type, payload FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT ${ROWS_PER_POLL}`;
  const { rows } = await database.query(select);
  for (const { id, type, payload } of rows) {
    channel.publish(site.exchange, type, Buffer.from(payload), { persistent: true, messageId: id });
    await channel.waitForConfirms();
    await database.query('UPDATE outbox SET published_at = now() WHERE id = $1', [id]);
  }
  return rows.length;
}

export async function close() {
  await database.end();
  await connection.close();
}
