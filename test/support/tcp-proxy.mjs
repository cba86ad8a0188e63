import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * Stands between clients and a server, and does to their connections what networks do. `watch` is called for each new
 * connection, and may return `{ client, server }`: they see the bytes that each side sends.
 */
export class TcpProxy {
  #target;
  #watch;
  #server;
  #pairs = new Set();
  #stalled = false;

  /** `target` is a URL, such as `postgres://127.0.0.1:5432/test`. */
  static async start(target, watch = () => ({})) {
    const proxy = new TcpProxy();
    proxy.#target = new URL(target);
    proxy.#watch = watch;
    proxy.#server = createServer((client) => proxy.#serve(client)).listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** The target's URL, through the proxy. */
  get url() {
    const url = new URL(this.#target);
    url.host = `127.0.0.1:${this.#server.address().port}`;
    return url.href;
  }

  /** Connections that stand. */
  get connections() {
    return this.#pairs.size;
  }

  /** Ends all connections without a word. New ones are let through. */
  cut() {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** Nothing gets through, and nobody is told; until `flow()`, when all of it does. */
  stall() {
    this.#stalled = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.pause();
  }

  flow() {
    this.#stalled = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resume();
  }

  /** New connections go to another server. Those that stand stay. */
  retarget(target) {
    this.#target = new URL(target);
  }

  async close() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  #serve(client) {
    const { hostname, port } = this.#target;
    const upstream = connect(Number(port) || DEFAULT_PORTS[this.#target.protocol], hostname);
    const pair = [client, upstream];
    this.#pairs.add(pair);
    const watching = this.#watch() ?? {};
    const isStalled = () => this.#stalled;
    pass(client, upstream, { see: watching.client, isStalled });
    pass(upstream, client, { see: watching.server, isStalled });
    for (const socket of pair) {
      socket.on('close', () => pair.every(({ destroyed }) => destroyed) && this.#pairs.delete(pair));
    }
    if (this.#stalled) for (const socket of pair) socket.pause();
  }
}

const DEFAULT_PORTS = { 'postgres:': 5432, 'postgresql:': 5432, 'amqp:': 5672 };

/** Not `pipe()`, which would resume a stalled socket by itself. What a side has said before its end is passed on. */
function pass(from, to, { see, isStalled }) {
  from.setNoDelay(true).on('error', () => undefined);
  from.on('data', (chunk) => {
    see?.(chunk);
    if (!to.write(chunk)) from.pause();
  });
  to.on('drain', () => isStalled() || from.resume());
  from.on('close', () => to.destroySoon());
}
