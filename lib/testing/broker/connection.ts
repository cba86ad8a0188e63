import type { Socket } from 'node:net';
import { Channel } from './channel.js';
import {
  decodeMethod,
  encodeContent,
  encodeMethod,
  FRAME,
  HEARTBEAT,
  parseFrame,
  PROTOCOL_HEADER,
} from './codec.js';
import type { Frame } from './codec.js';
import { AmqpException } from './errors.js';
import { Handshake } from './handshake.js';
import { Heartbeat } from './heartbeat.js';
import type { ClientMethod, ServerMethods } from './methods.js';
import { Outgoing } from './outgoing.js';
import type { Port } from './port.js';
import type { VirtualHost } from './vhost.js';

/** Milliseconds a client may take to answer `connection.close` before its socket is cut. */
const CLOSE_TIMEOUT = 1000;

/** What the connections of a broker share. */
export interface Shared {
  readonly vhost: VirtualHost;
  readonly maxMessageSize: number;
  /** Seconds; what the broker proposes. */
  readonly heartbeat: number;
  /** Whoever publishes has to wait. */
  isAlarmed(): boolean;
}

/** `opening → open → closing → closed`; closing has said `connection.close` and waits for the answer. */
type State = 'opening' | 'open' | 'closing' | 'closed';

/** One client's socket: frames in, frames out, and the channels in between. */
export class Connection {
  /** Settles when the socket is gone and what hung on it is cleared up. */
  readonly closed: Promise<void>;
  #state: State = 'opening';
  #isGreeted = false;
  #input: Buffer = Buffer.alloc(0);
  #isBlocked = false;
  readonly #channels = new Map<number, Channel>();
  readonly #handshake: Handshake;
  readonly #outgoing: Outgoing;
  readonly #heartbeat: Heartbeat;

  constructor(
    private readonly socket: Socket,
    private readonly shared: Shared,
  ) {
    this.#handshake = new Handshake(shared.heartbeat, (name, fields) => this.#send(0, name, fields));
    this.#outgoing = new Outgoing(socket, {
      beforeFlush: () => this.#channels.forEach((channel) => channel.flushConfirms()),
      relieved: () => this.#channels.forEach((channel) => channel.resume()),
    });
    this.#heartbeat = new Heartbeat(socket, {
      send: () => this.#outgoing.write(HEARTBEAT),
      died: () => socket.destroy(),
    });
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    socket.on('error', () => {}); // a reset is a close, and 'close' follows
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.#end();
        resolve();
      });
    });
  }

  /** Ends the connection from this side. The socket is cut when there is nobody who would answer. */
  close(exception: AmqpException): void {
    if (!this.#isGreeted || this.#state === 'closed') this.socket.destroySoon();
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#terminate('closing');
    this.unblock();
    this.#send(0, 'ConnectionClose', exception.closeFields);
    this.#outgoing.flush();
    const cut = setTimeout(() => this.socket.destroy(), CLOSE_TIMEOUT);
    void this.closed.then(() => clearTimeout(cut));
  }

  /** The alarm is over: reads on where it stopped. */
  unblock(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    if (this.#state === 'open') this.#notify('ConnectionUnblocked', {});
    this.#heartbeat.resume();
    this.socket.resume();
    this.#receive(Buffer.alloc(0));
  }

  #receive(bytes: Buffer): void {
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
    try {
      if (!this.#isGreeted && !this.#greet()) return;
      this.#readFrames();
    } catch (error) {
      this.#fail(error);
    }
    this.#outgoing.flush();
  }

  #readFrames(): void {
    while (!this.#isBlocked && this.#state !== 'closed') {
      const frame = parseFrame(this.#input, this.#handshake.agreed.frameMax);
      if (!frame) return;
      this.#input = frame.rest;
      if (frame.channel === 0) this.#control(frame);
      else this.#forward(frame);
    }
  }

  /** Before any frame, a client says which protocol it speaks; one that speaks another is told ours. */
  #greet(): boolean {
    if (this.#input.length < PROTOCOL_HEADER.length) return false;
    const greeting = this.#input.subarray(0, PROTOCOL_HEADER.length);
    this.#input = this.#input.subarray(PROTOCOL_HEADER.length);
    this.#isGreeted = true;
    if (greeting.equals(PROTOCOL_HEADER)) {
      this.#handshake.start();
      return true;
    }
    this.#state = 'closed';
    this.socket.end(PROTOCOL_HEADER);
    return false;
  }

  #control({ type, payload }: Frame): void {
    if (type === FRAME.heartbeat) return;
    if (type !== FRAME.method) throw new AmqpException('UNEXPECTED_FRAME', `type ${type} on channel 0`);
    const method = decodeMethod(payload);
    try {
      this.#handle(method);
    } catch (error) {
      if (error instanceof AmqpException) error.method ||= method.id;
      throw error;
    }
  }

  #handle(method: ClientMethod): void {
    if (method.name === 'ConnectionClose') {
      this.#terminate('closed');
      this.#send(0, 'ConnectionCloseOk', {});
      this.#outgoing.flush();
      this.socket.end();
    } else if (method.name === 'ConnectionCloseOk') {
      this.#terminate('closed');
      this.socket.end();
    } else if (this.#state === 'opening') {
      this.#handshake.handle(method);
      if (this.#handshake.isDone) this.#open();
    } else if (this.#state === 'open') {
      throw new AmqpException('COMMAND_INVALID', 'unimplemented method');
    }
  }

  #open(): void {
    this.#state = 'open';
    this.#heartbeat.start(this.#handshake.agreed.heartbeat);
  }

  #forward({ type, channel: number, payload }: Frame): void {
    if (this.#state === 'closing') return;
    if (this.#state === 'opening')
      throw new AmqpException('UNEXPECTED_FRAME', `type ${type} before connection.open`);
    const channel = this.#channel(number);
    if (type === FRAME.method) channel.method(decodeMethod(payload));
    else if (type === FRAME.header) channel.header(payload);
    else if (type === FRAME.body) channel.body(payload);
    else throw new AmqpException('UNEXPECTED_FRAME', `type ${type} on channel ${number}`);
    if (channel.isClosed) this.#channels.delete(number);
    if (type !== FRAME.method && this.shared.isAlarmed()) this.#block();
  }

  #channel(number: number): Channel {
    const known = this.#channels.get(number);
    if (known) return known;
    const { channelMax } = this.#handshake.agreed;
    if (this.#channels.size >= channelMax) {
      const explanation = `number of channels opened (${channelMax}) has reached the negotiated channel_max (${channelMax})`;
      throw new AmqpException('NOT_ALLOWED', explanation);
    }
    const channel = new Channel(this.#port(number));
    this.#channels.set(number, channel);
    return channel;
  }

  #port(number: number): Port {
    const { user, capabilities, frameMax } = this.#handshake.agreed;
    return {
      vhost: this.shared.vhost,
      owner: this,
      user,
      wantsCancel: capabilities['consumer_cancel_notify'] === true,
      maxMessageSize: this.shared.maxMessageSize,
      canDeliver: () => !this.#outgoing.isCongested,
      send: (name, fields) => this.#send(number, name, fields),
      sendMessage: (name, fields, { header, body }) =>
        this.#outgoing.write(
          encodeContent(encodeMethod(name, number, fields), number, header, body, frameMax),
        ),
    };
  }

  /** A publisher is told to wait at its first message, and not read from until the alarm is over. */
  #block(): void {
    this.#isBlocked = true;
    this.#notify('ConnectionBlocked', { reason: 'low on memory' });
    this.#heartbeat.pause();
    this.socket.pause();
  }

  #notify<Name extends 'ConnectionBlocked' | 'ConnectionUnblocked'>(
    name: Name,
    fields: ServerMethods[Name],
  ): void {
    if (this.#handshake.agreed.capabilities['connection.blocked'] === true) this.#send(0, name, fields);
  }

  #fail(error: unknown): void {
    if (error instanceof AmqpException) this.close(error);
    else this.close(new AmqpException('INTERNAL_ERROR', String(error)));
  }

  #terminate(state: 'closing' | 'closed'): void {
    this.#state = state;
    for (const channel of this.#channels.values()) channel.terminate();
    this.#channels.clear();
    this.shared.vhost.deleteOwnedBy(this);
  }

  #end(): void {
    this.#terminate('closed');
    this.#heartbeat.stop();
  }

  #send<Name extends keyof ServerMethods>(channel: number, name: Name, fields: ServerMethods[Name]): void {
    this.#outgoing.write(encodeMethod(name, channel, fields));
  }
}
