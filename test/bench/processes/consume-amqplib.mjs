// amqplib alone: JSON parsed, one ack for each message.
import amqp from 'amqplib';
import { HandlerCount } from './handler-count.mjs';

let site;

export async function start(where) {
  site = where;
}

export async function consume(events, prefetch) {
  const connection = await amqp.connect(site.rabbitUrl);
  const channel = await connection.createChannel();
  const count = new HandlerCount();
  const done = count.expect(events);
  await channel.prefetch(prefetch);
  await channel.consume(site.queue, (message) => {
    count.handled(JSON.parse(message.content));
    channel.ack(message);
  });
  const result = await done;
  await connection.close();
  return result;
}
