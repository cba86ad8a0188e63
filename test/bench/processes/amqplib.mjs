// The limit: amqplib alone. Persistent, mandatory publishes with confirms, at most `window` of them unanswered.
import amqp from 'amqplib';
import { rate } from '../measure.mjs';

let connection;
let exchange;

export async function start(site) {
  connection = await amqp.connect(site.rabbitUrl);
  exchange = site.exchange;
}

/** Messages per second. */
export async function publish(events, bytes, window) {
  const channel = await connection.createConfirmChannel();
  const perSecond = await rate(events, () => publishAll(channel, events, Buffer.alloc(bytes, 'x'), window));
  await channel.close();
  return perSecond;
}

export const close = () => connection.close();

function publishAll(channel, events, body, window) {
  return new Promise((resolve, reject) => {
    let sent = 0;
    let confirmed = 0;
    const fill = () => {
      while (sent < events && sent - confirmed < window) {
        sent++;
        const properties = {
          persistent: true,
          mandatory: true,
          messageId: `bench-${sent}`,
          type: 'bench.event',
          appId: exchange,
          contentType: 'application/octet-stream',
          timestamp: 1_700_000_000,
        };
        channel.publish(exchange, 'bench.event', body, properties, (error) => {
          if (error) return reject(error);
          if (++confirmed === events) resolve();
          else fill();
        });
      }
    };
    fill();
  });
}
