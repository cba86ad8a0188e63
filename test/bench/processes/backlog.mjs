// Fills the stage's queue with messages as the relay publishes them.
import { setTimeout as sleep } from 'node:timers/promises';
import amqp from 'amqplib';

const WINDOW = 2_000;
/** The broker has a while to write after a backlog was published; in ms. */
const REST = 1_500;

let connection;
let exchange;
/** Ids go on from one backlog to the next: an inbox knows those it has seen. */
let lastId = 0;

export async function start(site) {
  connection = await amqp.connect(site.rabbitUrl);
  exchange = site.exchange;
}

/** Resolves when the broker has confirmed all of them, and has come to rest. */
export async function fill(events, body, more = {}) {
  const channel = await connection.createConfirmChannel();
  const content = Buffer.from(body);
  let confirmed = 0;
  let failed;
  for (let sent = 1; sent <= events; sent++) {
    const properties = {
      persistent: true,
      mandatory: true,
      messageId: `00000000-0000-7000-8000-${String(++lastId).padStart(12, '0')}`,
      type: 'bench.event',
      appId: exchange,
      contentType: 'application/json',
      timestamp: 1_700_000_000,
      headers: { 'outbox-key': `key-${sent % 1_000}`, ...more },
    };
    channel.publish(exchange, 'bench.event', content, properties, (error) => {
      failed ??= error;
      confirmed++;
    });
    while (sent - confirmed >= WINDOW) await new Promise(setImmediate);
  }
  await channel.waitForConfirms();
  if (failed) throw failed;
  await channel.close();
  await sleep(REST);
}

export const close = () => connection.close();
