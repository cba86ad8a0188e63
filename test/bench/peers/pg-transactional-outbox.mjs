// pg-transactional-outbox, polling: parallel messages, no protections it can do without, the batch that was fastest here.
import pg from 'pg';
import outbox from 'pg-transactional-outbox';
import { openPublisher } from './publisher.mjs';

const { DatabaseSetup, getDisabledLogger, initializePollingMessageListener } = outbox;
const BATCH = 100;
const CONNECTIONS = 20;

let publisher;
let database;
let site;

export async function start(where) {
  site = where;
  publisher = await openPublisher(site);
  database = new pg.Client({ connectionString: site.databaseUrl });
  await database.connect();
  const setup = {
    outboxOrInbox: 'outbox',
    schema: site.schema,
    table: 'outbox',
    nextMessagesName: 'next_outbox_messages',
    nextMessagesSchema: site.schema,
  };
  await database.query(DatabaseSetup.dropAndCreateTable(setup));
  await database.query(DatabaseSetup.createPollingFunction(setup));
  await database.query(DatabaseSetup.setupPollingIndexes(setup));
}

/** Messages per second: all of them are there when the listener starts. */
export async function run(messages, bytes) {
  await database.query(`TRUNCATE ${site.schema}.outbox`);
  await database.query(
    `INSERT INTO ${site.schema}.outbox (id, aggregate_type, aggregate_id, message_type, concurrency, payload)
     SELECT gen_random_uuid(), 'bench', n, 'bench.event', 'parallel', jsonb_build_object('body', repeat('x', $2))
     FROM generate_series(1, $1) n`,
    [messages, bytes],
  );
  await database.query(`ANALYZE ${site.schema}.outbox`);
  let done = 0;
  let shutdown;
  const started = performance.now();
  const ended = await new Promise((resolve) => {
    const handle = async ({ id, payload }) => {
      await publisher.publish(id, Buffer.from(JSON.stringify(payload)));
      if (++done === messages) resolve(performance.now());
    };
    [shutdown] = initializePollingMessageListener(config(), { handle }, getDisabledLogger(), {
      batchSizeStrategy: async () => BATCH,
    });
  });
  await shutdown();
  return messages / ((ended - started) / 1000);
}

function config() {
  return {
    outboxOrInbox: 'outbox',
    dbListenerConfig: { connectionString: site.databaseUrl, max: CONNECTIONS },
    settings: {
      dbSchema: site.schema,
      dbTable: 'outbox',
      enableMaxAttemptsProtection: false,
      enablePoisonousMessageProtection: false,
      nextMessagesFunctionName: 'next_outbox_messages',
      nextMessagesFunctionSchema: site.schema,
      nextMessagesBatchSize: BATCH,
      nextMessagesPollingIntervalInMs: 10,
      messageCleanupIntervalInMs: 0,
    },
  };
}

export async function close() {
  await database.end();
  await publisher.close();
}
