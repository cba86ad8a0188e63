import { assertAccess, assertNotDefaultExchange, assertNotReserved, plain, queueFor } from './access.js';
import { assertEquivalent, assertEquivalentArguments, assertExchangeName } from './arguments.js';
import { isWeight } from './consistent-hash.js';
import { AmqpException, described, notFound, refused } from './errors.js';
import type { Destination, Exchange } from './exchange.js';
import type { ClientMethods, ExchangeDeclare, Table } from './methods.js';
import type { Port } from './port.js';
import type { ExchangeType } from './routing.js';
import { EXCHANGE_TYPES } from './routing.js';

interface BindingFields {
  routingKey: string;
  arguments: Table;
}

/** A channel's `exchange.*` methods, and the bindings of exchanges and queues. */
export class ExchangeMethods {
  constructor(private readonly port: Port) {}

  declare(fields: ExchangeDeclare): void {
    const name = plain(fields.exchange);
    const type = fields.passive ? undefined : knownType(fields.type);
    assertNotDefaultExchange(name);
    if (type) this.#declare(name, type, fields);
    else this.#find(name);
    if (!fields.nowait) this.port.send('ExchangeDeclareOk', {});
  }

  delete(fields: ClientMethods['ExchangeDelete']): void {
    const name = plain(fields.exchange);
    assertNotDefaultExchange(name);
    if (name.startsWith('amq.')) {
      throw new AmqpException(
        'ACCESS_REFUSED',
        `deletion of system ${described('exchange', name)} not allowed`,
      );
    }
    const exchange = this.port.vhost.findExchange(name);
    if (exchange) {
      if (fields.ifUnused && exchange.bindings.length > 0)
        throw refused(`${described('exchange', name)} in use`);
      this.port.vhost.deleteExchange(exchange);
    }
    if (!fields.nowait) this.port.send('ExchangeDeleteOk', {});
  }

  bindExchange(fields: ClientMethods['ExchangeBind']): void {
    const name = plain(fields.destination);
    assertNotDefaultExchange(name);
    this.#bind(fields.source, fields, () => this.#find(name));
    if (!fields.nowait) this.port.send('ExchangeBindOk', {});
  }

  unbindExchange(fields: ClientMethods['ExchangeUnbind']): void {
    const name = plain(fields.destination);
    assertNotDefaultExchange(name);
    this.#unbind(fields.source, fields, this.port.vhost.findExchange(name));
    if (!fields.nowait) this.port.send('ExchangeUnbindOk', {});
  }

  bindQueue(fields: ClientMethods['QueueBind']): void {
    this.#bind(fields.exchange, fields, () => queueFor(this.port, plain(fields.queue)));
    if (!fields.nowait) this.port.send('QueueBindOk', {});
  }

  unbindQueue(fields: ClientMethods['QueueUnbind']): void {
    const queue = this.port.vhost.findQueue(plain(fields.queue));
    if (queue) assertAccess(this.port, queue);
    this.#unbind(fields.exchange, fields, queue);
    this.port.send('QueueUnbindOk', {});
  }

  #declare(name: string, type: ExchangeType, fields: ExchangeDeclare): void {
    const existing = this.port.vhost.findExchange(name);
    if (existing) {
      assertSame(existing, type, fields);
      return;
    }
    assertNotReserved('exchange', name);
    assertExchangeName('exchange', name, 'alternate-exchange', fields.arguments);
    const { durable, autoDelete, internal, arguments: args } = fields;
    this.port.vhost.declareExchange({ name, type, durable, autoDelete, internal, arguments: args });
  }

  #find(name: string): Exchange {
    const exchange = this.port.vhost.findExchange(name);
    if (!exchange) throw notFound('exchange', name);
    return exchange;
  }

  #bind(from: string, { routingKey, arguments: args }: BindingFields, find: () => Destination): void {
    const source = plain(from);
    assertNotDefaultExchange(source);
    const exchange = this.#find(source);
    const destination = find();
    if (exchange.declared.type === 'headers') assertMatchMode(args['x-match']);
    if (exchange.declared.type === 'x-consistent-hash') assertWeight(routingKey);
    exchange.bind({ destination, routingKey, arguments: args });
  }

  /** What does not exist is not bound, and that is what was asked for. */
  #unbind(from: string, fields: BindingFields, destination: Destination | undefined): void {
    const source = plain(from);
    assertNotDefaultExchange(source);
    const exchange = this.port.vhost.findExchange(source);
    if (!exchange || !destination) return;
    const { routingKey, arguments: args } = fields;
    this.port.vhost.unbind(exchange, { destination, routingKey, arguments: args });
  }
}

function knownType(type: string): ExchangeType {
  const known = EXCHANGE_TYPES.find((name) => name === type);
  if (!known) throw new AmqpException('COMMAND_INVALID', `unknown exchange type '${type}'`);
  return known;
}

function assertSame({ declared }: Exchange, type: ExchangeType, fields: ExchangeDeclare): void {
  const same = (property: string, current: unknown, received: unknown) =>
    assertEquivalent('exchange', declared.name, property, current, received);
  same('type', declared.type, type);
  same('durable', declared.durable, fields.durable);
  same('auto_delete', declared.autoDelete, fields.autoDelete);
  same('internal', declared.internal, fields.internal);
  const compared = ['alternate-exchange'];
  assertEquivalentArguments('exchange', declared.name, compared, declared.arguments, fields.arguments);
}

function assertWeight(routingKey: string): void {
  if (isWeight(routingKey)) return;
  throw refused(`The binding key must be an integer: ${JSON.stringify(routingKey)}`);
}

const MATCH_MODES = ['all', 'any', 'all-with-x', 'any-with-x'];

function assertMatchMode(mode: unknown): void {
  if (mode === undefined || (typeof mode === 'string' && MATCH_MODES.includes(mode))) return;
  throw refused(
    `Invalid x-match field value <<"${mode as string}">>; expected all, any, all-with-x, or any-with-x`,
  );
}
