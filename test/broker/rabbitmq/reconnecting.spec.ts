import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { getEventListeners } from 'node:events';
import net, { type NetConnectOpts } from 'node:net';
import { RabbitConnection } from '../../../lib/broker/rabbitmq/connection.js';

const URLS = ['amqp://127.0.0.1:1', 'amqp://127.0.0.1:2'];
const ATTEMPTS = 10;

describe('a connection that cannot be made', () => {
  let connection: RabbitConnection;

  afterEach(async () => {
    await connection.close();
    jest.restoreAllMocks();
  });

  test('leaves nothing behind of its attempts: the signal that ends them holds on to their sockets', async () => {
    const sockets = jest.spyOn(net, 'connect');
    connection = new RabbitConnection({
      urls: URLS,
      name: 'test',
      heartbeat: 10_000,
      reconnectDelay: 1,
      logger: { log: () => undefined, warn: () => undefined },
    });
    await new Promise<void>((resolve) => {
      connection.listen({ disconnected: () => void (sockets.mock.calls.length === ATTEMPTS && resolve()) });
      connection.open();
    });
    const signals = sockets.mock.calls.map(
      ([options]) => (options as unknown as NetConnectOpts).signal as AbortSignal,
    );
    const held = signals.map((signal) => getEventListeners(signal, 'abort').length);
    expect(Math.max(...held)).toBeLessThanOrEqual(URLS.length);
  });
});
