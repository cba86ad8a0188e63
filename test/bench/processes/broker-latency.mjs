// The limit of latency: amqplib alone, from publish to delivery, through a quorum queue.
import { setTimeout as sleep } from 'node:timers/promises';
import amqp from 'amqplib';
import { now, onSchedule } from './clock.mjs';

let connections;
let channel;
let exchange;
let delivered;

export async function start(site) {
  exchange = site.exchange;
  connections = await Promise.all([amqp.connect(site.rabbitUrl), amqp.connect(site.rabbitUrl)]);
  const consumer = await connections[0].createChannel();
  channel = await connections[1].createConfirmChannel();
  await consumer.prefetch(100);
  await consumer.consume(site.queue, (message) => {
    delivered[Number(message.properties.messageId)] = now();
    consumer.ack(message);
  });
}

/** Milliseconds from publish to delivery, of each. */
export async function publish(perSecond, count) {
  delivered = new Float64Array(count);
  const published = new Float64Array(count);
  await onSchedule(perSecond, count, (n) => {
    published[n] = now();
    channel.publish(exchange, 'bench.event', Buffer.from('{}'), { persistent: true, messageId: String(n) });
  });
  while (delivered.includes(0)) await sleep(20);
  return delivered.map((time, n) => time - published[n]);
}

export async function close() {
  for (const connection of connections) await connection.close();
}
