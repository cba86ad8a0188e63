import { Confirms } from './confirms.js';
import { Consuming } from './consuming.js';
import { DirectReply } from './direct-reply.js';
import { AmqpException } from './errors.js';
import { ExchangeMethods } from './exchange-methods.js';
import type { ClientMethod } from './methods.js';
import type { Port } from './port.js';
import { Publishing } from './publishing.js';
import { QueueMethods } from './queue-methods.js';

/** The method a header or body frame belongs to. */
const PUBLISH = (60 << 16) | 40;

/** `new → open → closing → closed`; closing waits for the client's answer and ignores everything else. */
type State = 'new' | 'open' | 'closing' | 'closed';

export class Channel {
  #state: State = 'new';
  readonly #port: Port;
  readonly #publishing: Publishing;
  readonly #consuming: Consuming;
  readonly #queues: QueueMethods;
  readonly #exchanges: ExchangeMethods;

  constructor(port: Port) {
    this.#port = { ...port, canDeliver: () => this.#state === 'open' && port.canDeliver() };
    const replies = new DirectReply(this.#port);
    this.#publishing = new Publishing(this.#port, replies);
    this.#consuming = new Consuming(this.#port, replies);
    this.#queues = new QueueMethods(this.#port);
    this.#exchanges = new ExchangeMethods(this.#port);
  }

  get isClosed(): boolean {
    return this.#state === 'closed';
  }

  method(method: ClientMethod): void {
    if (this.#state === 'closing') this.#whileClosing(method);
    else this.#guarded(method.id, () => this.#handle(method));
  }

  header(payload: Buffer): void {
    if (this.#state === 'open') this.#guarded(PUBLISH, () => this.#publishing.header(payload));
  }

  body(payload: Buffer): void {
    if (this.#state === 'open') this.#guarded(PUBLISH, () => this.#publishing.body(payload));
  }

  /** Tells the publisher what became of its messages, once for all that came together. */
  flushConfirms(): void {
    this.#publishing.confirms?.flush((name, fields) => this.#port.send(name, fields));
  }

  resume(): void {
    this.#consuming.resume();
  }

  /** The connection is gone, or the client closes the channel. */
  terminate(): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    if (wasOpen) this.#consuming.close();
  }

  /** A soft error ends the channel; any other is the connection's. */
  #guarded(id: number, handle: () => void): void {
    try {
      handle();
    } catch (error) {
      if (!(error instanceof AmqpException)) throw error;
      error.method ||= id;
      if (error.closesConnection) throw error;
      this.flushConfirms();
      this.#state = 'closing';
      this.#consuming.close();
      this.#port.send('ChannelClose', error.closeFields);
    }
  }

  #whileClosing({ name }: ClientMethod): void {
    if (name === 'ChannelCloseOk') this.#state = 'closed';
    else if (name === 'ChannelClose') this.#port.send('ChannelCloseOk', {});
  }

  #handle(method: ClientMethod): void {
    if (this.#state === 'new') this.#open(method);
    else if (this.#publishing.isReceiving) {
      throw new AmqpException(
        'UNEXPECTED_FRAME',
        'expected content header for class 60, got non content header frame instead',
      );
    } else this.#handleOpen(method);
  }

  #open({ name }: ClientMethod): void {
    if (name !== 'ChannelOpen') throw new AmqpException('CHANNEL_ERROR', "expected 'channel.open'");
    this.#state = 'open';
    this.#port.send('ChannelOpenOk', {});
  }

  #handleOpen(method: ClientMethod): void {
    const { name, fields } = method;
    switch (name) {
      case 'BasicPublish':
        return this.#publishing.begin(fields);
      case 'BasicAck':
        return this.#consuming.ack(fields.deliveryTag, fields.multiple);
      case 'BasicNack':
        return this.#consuming.reject(fields.deliveryTag, fields.multiple, fields.requeue);
      case 'BasicReject':
        return this.#consuming.reject(fields.deliveryTag, false, fields.requeue);
      case 'BasicRecover':
        this.#consuming.recover(fields.requeue);
        return this.#port.send('BasicRecoverOk', {});
      case 'BasicRecoverAsync':
        return this.#consuming.recover(fields.requeue);
      case 'BasicQos':
        return this.#consuming.qos(fields);
      case 'BasicConsume':
        return this.#consuming.consume(this.#queues.named(fields.queue), fields);
      case 'BasicCancel':
        return this.#consuming.cancel(fields);
      case 'BasicGet':
        return this.#consuming.get(this.#queues.named(fields.queue), fields.noAck);
      case 'ConfirmSelect':
        this.#publishing.confirms ??= new Confirms();
        return fields.nowait ? undefined : this.#port.send('ConfirmSelectOk', {});
      case 'ChannelClose':
        this.flushConfirms();
        this.terminate();
        return this.#port.send('ChannelCloseOk', {});
      case 'ChannelOpen':
        throw new AmqpException('CHANNEL_ERROR', "second 'channel.open' seen");
      case 'ChannelFlow':
        if (!fields.active) throw new AmqpException('NOT_IMPLEMENTED', 'active=false');
        return this.#port.send('ChannelFlowOk', { active: true });
      default:
        return this.#declare(method);
    }
  }

  #declare({ name, fields }: ClientMethod): void {
    switch (name) {
      case 'QueueDeclare':
        return this.#queues.declare(fields);
      case 'QueueDelete':
        return this.#queues.delete(fields);
      case 'QueuePurge':
        return this.#queues.purge(fields);
      case 'QueueBind':
        return this.#exchanges.bindQueue(this.#queues.binding(fields));
      case 'QueueUnbind':
        return this.#exchanges.unbindQueue(this.#queues.binding(fields));
      case 'ExchangeDeclare':
        return this.#exchanges.declare(fields);
      case 'ExchangeDelete':
        return this.#exchanges.delete(fields);
      case 'ExchangeBind':
        return this.#exchanges.bindExchange(fields);
      case 'ExchangeUnbind':
        return this.#exchanges.unbindExchange(fields);
      default:
        throw new AmqpException('NOT_IMPLEMENTED', `the embedded broker does not know ${name}`);
    }
  }
}
