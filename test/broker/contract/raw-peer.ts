import { once } from 'node:events';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const lib = join(dirname(require.resolve('amqplib')), 'lib');
const defs = require(join(lib, 'defs.js')) as {
  encodeMethod(id: number, channel: number, fields: object): Buffer;
} & Record<string, number>;
const { HEARTBEAT_BUF, PROTOCOL_HEADER } = require(join(lib, 'frame.js')) as {
  HEARTBEAT_BUF: Buffer;
  PROTOCOL_HEADER: string;
};

/** A socket to a broker that does only what it is told: no client library answers for it. */
export class RawPeer {
  received = Buffer.alloc(0);
  readonly ended: Promise<void>;

  private constructor(private readonly socket: Socket) {
    socket.on('data', (bytes) => (this.received = Buffer.concat([this.received, bytes])));
    socket.on('error', () => {});
    this.ended = new Promise((resolve) => socket.on('close', () => resolve()));
  }

  /** One that lingers does not hang up when the broker does. */
  static async open(url: string, { lingers = false } = {}): Promise<RawPeer> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port || 5672), allowHalfOpen: lingers });
    await once(socket, 'connect');
    return new RawPeer(socket);
  }

  get isOpen(): boolean {
    return !this.socket.destroyed;
  }

  get heartbeats(): number {
    return this.received.toString('latin1').split(HEARTBEAT_BUF.toString('latin1')).length - 1;
  }

  write(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  beat(): void {
    this.write(HEARTBEAT_BUF);
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Opens a connection, as user guest. */
  async shakeHands({ heartbeat = 0, virtualHost = '/' } = {}): Promise<void> {
    this.write(Buffer.from(PROTOCOL_HEADER, 'latin1'));
    await once(this.socket, 'data');
    this.send('ConnectionStartOk', 0, { clientProperties: {}, response: Buffer.from('\0guest\0guest') });
    await once(this.socket, 'data');
    this.send('ConnectionTuneOk', 0, { channelMax: 2047, frameMax: 131_072, heartbeat });
    this.send('ConnectionOpen', 0, { virtualHost });
    await once(this.socket, 'data');
  }

  send(method: string, channel: number, fields: object): void {
    this.write(defs.encodeMethod(defs[method] as number, channel, fields));
  }

  /** Waits until the broker has said these words. */
  async hears(words: string): Promise<void> {
    while (!this.received.includes(words)) await once(this.socket, 'data');
  }
}
