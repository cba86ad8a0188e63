import { expect } from '@jest/globals';
import type { Contract } from './client.js';
import { Inbox, lateRefusal } from './client.js';
import { RawPeer } from './raw-peer.js';

export function connectionContract(keeps: Contract): void {
  keeps('opens and closes connections and channels for the client', async (client) => {
    const connection = await client.anotherConnection();
    const channels = [await connection.createChannel(), await connection.createConfirmChannel()];
    await expect(channels[0]!.checkExchange('amq.topic')).resolves.toBeDefined();
    for (const channel of channels) await channel.close();
    await connection.createChannel();
    await expect(connection.close()).resolves.toBeUndefined();
  });

  keeps('tells its limits and what it can do', async ({ connection }) => {
    const { frameMax, channelMax, serverProperties } = connection.connection as unknown as {
      frameMax: number;
      channelMax: number;
      serverProperties: { capabilities: object };
    };
    expect({ frameMax, channelMax }).toEqual({ frameMax: 131_072, channelMax: 2047 });
    expect(serverProperties.capabilities).toMatchObject({
      publisher_confirms: true,
      'basic.nack': true,
      consumer_cancel_notify: true,
      'connection.blocked': true,
    });
  });

  keeps('leaves other channels alone when one is closed for an error', async (client) => {
    const queue = await client.queue();
    const broken = await client.anotherChannel();
    const inbox = await Inbox.on(client.channel, queue);
    await lateRefusal(broken, 404, () => broken.publish(client.exchangeName(), '', Buffer.from('')));
    await client.send(queue, ['still here']);
    await expect(inbox.nextBodies(1)).resolves.toEqual(['still here']);
  });

  keeps(
    'closes a channel while its publishes are on the way, and takes the next on the same connection',
    async (client) => {
      const missing = client.exchangeName();
      for (let round = 0; round < 3; round++) {
        const channel = await client.anotherChannel();
        await lateRefusal(channel, 404, () => {
          for (let index = 0; index < 50; index++) channel.publish(missing, '', Buffer.alloc(5000));
        });
      }
      await expect(client.channel.checkExchange('amq.topic')).resolves.toBeDefined();
    },
  );

  keeps('does not know other virtual hosts', async ({ url }) => {
    const peer = await RawPeer.open(url);
    await peer.shakeHands({ virtualHost: 'nowhere' });
    await expect(peer.hears('NOT_ALLOWED - vhost nowhere not found')).resolves.toBeUndefined();
    peer.destroy();
  });

  keeps('answers who speaks another protocol with the version it speaks', async ({ url }) => {
    const peer = await RawPeer.open(url);
    peer.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await peer.ended;
    expect(peer.received.toString('latin1')).toBe('AMQP\0\0\x09\x01');
  });

  keeps('closes the connection at a method on a channel that is not open', async ({ url }) => {
    const peer = await RawPeer.open(url);
    await peer.shakeHands();
    peer.send('BasicQos', 7, { prefetchCount: 1 });
    await expect(peer.hears("CHANNEL_ERROR - expected 'channel.open'")).resolves.toBeUndefined();
    peer.destroy();
  });

  keeps('gives signs of life, and drops who gives none', async ({ url }) => {
    const peer = await RawPeer.open(url);
    await peer.shakeHands({ heartbeat: 1 });
    await peer.ended;
    expect(peer.heartbeats).toBeGreaterThanOrEqual(2);
  });

  keeps('keeps who gives signs of life', async ({ url }) => {
    const [silent, alive] = [await RawPeer.open(url), await RawPeer.open(url)];
    await Promise.all([silent.shakeHands({ heartbeat: 1 }), alive.shakeHands({ heartbeat: 1 })]);
    const timer = setInterval(() => alive.beat(), 400);
    await silent.ended;
    clearInterval(timer);
    expect(alive.isOpen).toBe(true);
    alive.destroy();
  });
}
