import net, { type AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DataSource } from 'typeorm';
import { RelayConnections } from '../../lib/store/postgres/relay-connections.js';

describe('the relay’s connections', () => {
  let server: net.Server;
  const sockets = new Set<net.Socket>();

  beforeEach(async () => {
    // Takes whoever comes, and never says a word: a server that died in the middle of a handshake.
    server = net.createServer((socket) => void sockets.add(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  test('are given up when there is no answer to who wants in, and tried again', async () => {
    const { port } = server.address() as AddressInfo;
    const application = new DataSource({ type: 'postgres', url: `postgres://app@127.0.0.1:${port}/shop` });
    const connections = new RelayConnections(application, 100);
    const asking = () => connections.query({ text: 'SELECT 1', values: [] });
    await expect(asking()).rejects.toThrow('timeout');
    await expect(asking()).rejects.toThrow('timeout');
    expect(sockets.size).toBe(2);
    await connections.close();
  });

  test('are made by the driver in JavaScript, whatever the application has', async () => {
    const { port } = server.address() as AddressInfo;
    const application = new DataSource({
      type: 'postgres',
      url: `postgres://app@127.0.0.1:${port}/shop`,
      nativeDriver: { Client: class {} },
    });
    const connections = new RelayConnections(application, 100);
    const { options } = connections['dataSource'];
    expect(options).toMatchObject({ nativeDriver: false });
    await expect(connections.query({ text: 'SELECT 1', values: [] })).rejects.toThrow('timeout');
    await connections.close();
  });
});
