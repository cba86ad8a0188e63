import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Stands between an app and its broker, and does to their connections what networks do. */
export interface Proxy {
  /** The broker's URL, through the proxy. */
  readonly url: string;
  /** Connections that stand. */
  readonly connections: number;
  /** Ends all connections without a word. New ones are let through. */
  cut(): void;
  /** Refuses new connections, as a broker that is down. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** From now on nothing gets through the connections that stand, and nobody is told. */
  stall(): void;
  /** New connections are accepted, and never answered. */
  swallow(yes: boolean): void;
  /** Cuts a connection when that many bytes have come from the app, for as long as it is set. */
  cutAfter(bytes: number | undefined): void;
  close(): Promise<void>;
}

export async function startProxy(target: string): Promise<Proxy> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  const held = new Set<Socket>();
  let swallowing = false;
  let limit: number | undefined;

  function serve(client: Socket): void {
    client.on('error', () => undefined);
    if (swallowing) {
      held.add(client);
      client.on('close', () => held.delete(client));
      return;
    }
    const upstream = connect(Number(port), hostname);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      for (const socket of pair) socket.destroy();
    };
    for (const socket of pair) socket.on('error', end).on('close', end);
    let bytes = 0;
    client.on('data', (chunk) => {
      bytes += chunk.length;
      if (limit !== undefined && bytes > limit) end();
    });
    client.pipe(upstream).pipe(client);
  }

  let server: Server;
  let listeningOn = 0;
  const accept = async () => {
    server = createServer(serve).listen(listeningOn, '127.0.0.1');
    await once(server, 'listening');
    listeningOn = (server.address() as AddressInfo).port;
  };
  const refuse = async () => {
    const closed = once(server, 'close');
    server.close();
    cut();
    await closed;
  };
  const cut = () => {
    for (const sockets of [...pairs, [...held]]) for (const socket of sockets) socket.destroy();
  };
  await accept();
  const url = new URL(target);
  url.host = `127.0.0.1:${listeningOn}`;
  return {
    url: url.href,
    get connections() {
      return pairs.size;
    },
    cut,
    refuse,
    accept,
    stall: () => {
      for (const sockets of pairs) for (const socket of sockets) socket.unpipe().pause();
    },
    swallow: (yes) => void (swallowing = yes),
    cutAfter: (bytes) => void (limit = bytes),
    close: async () => {
      if (server.listening) await refuse();
      cut();
    },
  };
}
