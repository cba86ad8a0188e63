import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { eventually } from './outbox-app.js';
import { TcpProxy } from './tcp-proxy.mjs';

describe('a proxy in the way', () => {
  let echo: Server;
  let proxy: TcpProxy;
  let said: string[];
  let sockets: Socket[];

  beforeEach(async () => {
    said = [];
    sockets = [];
    echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    proxy = await TcpProxy.start(`amqp://127.0.0.1:${(echo.address() as AddressInfo).port}`, () => ({
      client: (bytes) => said.push(`client ${bytes.toString()}`),
      server: (bytes) => said.push(`server ${bytes.toString()}`),
    }));
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await proxy.close();
    echo.close();
  });

  async function open(port = new URL(proxy.url).port): Promise<{ socket: Socket; heard: () => string }> {
    let heard = '';
    const socket = connect(Number(port), '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined).on('data', (bytes) => (heard += bytes.toString()));
    await once(socket, 'connect');
    return { socket, heard: () => heard };
  }

  test('passes on what both sides say, and lets it be seen', async () => {
    const { socket, heard } = await open();
    socket.write('hello');
    await eventually(() => heard() === 'hello');
    expect(said).toEqual(['client hello', 'server hello']);
    socket.destroy();
    await eventually(() => proxy.connections === 0);
  });

  test('passes on much more than a socket buffers', async () => {
    const { socket, heard } = await open();
    const much = 'x'.repeat(8 * 1024 * 1024);
    socket.write(much);
    await eventually(() => heard().length === much.length);
    expect(heard()).toBe(much);
  });

  test('cuts connections, and lets new ones through', async () => {
    const { socket } = await open();
    const closed = once(socket, 'close');
    await eventually(() => proxy.connections === 1);
    proxy.cut();
    await closed;
    const { socket: next, heard } = await open();
    next.write('again');
    await eventually(() => heard() === 'again');
    expect(proxy.connections).toBe(1);
  });

  test('holds back what is said while it is stalled, on new connections too, and loses nothing of it', async () => {
    const old = await open();
    await eventually(() => proxy.connections === 1);
    proxy.stall();
    const fresh = await open();
    old.socket.write('old');
    fresh.socket.write('new');
    const direct = await open(String((echo.address() as AddressInfo).port));
    direct.socket.write('meanwhile');
    await eventually(() => direct.heard() === 'meanwhile');
    expect([old.heard(), fresh.heard()]).toEqual(['', '']);
    proxy.flow();
    await eventually(() => old.heard() === 'old' && fresh.heard() === 'new');
  });
});
