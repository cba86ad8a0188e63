import { randomBytes } from 'node:crypto';
import { assertAccess, assertNotReserved, locked, plain, queueFor } from './access.js';
import { assertEquivalent, assertEquivalentArguments, assertExchangeName } from './arguments.js';
import { AmqpException, described, refused } from './errors.js';
import type { ClientMethods, QueueDeclare } from './methods.js';
import type { Port } from './port.js';
import { KNOWN_ARGUMENTS, queueSettings } from './queue-arguments.js';
import type { Queue } from './queue.js';

/** A channel's `queue.*` methods. Each answers unless the client asked for no answer. */
export class QueueMethods {
  /** What an empty name stands for: the queue this channel declared last. */
  #latest = '';

  constructor(private readonly port: Port) {}

  declare(fields: QueueDeclare): void {
    const queue = fields.passive ? queueFor(this.port, plain(fields.queue)) : this.#declare(fields);
    queue.touch();
    this.#latest = queue.name;
    if (fields.nowait) return;
    this.port.send('QueueDeclareOk', {
      queue: queue.name,
      messageCount: queue.messages,
      consumerCount: queue.served,
    });
  }

  delete(fields: ClientMethods['QueueDelete']): void {
    const queue = this.port.vhost.findQueue(this.named(fields.queue));
    const messageCount = queue?.messages ?? 0;
    if (queue) {
      assertAccess(this.port, queue);
      assertDeletable(queue, fields);
      this.port.vhost.deleteQueue(queue);
    }
    if (!fields.nowait) this.port.send('QueueDeleteOk', { messageCount });
  }

  purge(fields: ClientMethods['QueuePurge']): void {
    const messageCount = queueFor(this.port, this.named(fields.queue)).purge();
    if (!fields.nowait) this.port.send('QueuePurgeOk', { messageCount });
  }

  /** A name from a client, which may leave it to us. */
  named(name: string): string {
    if (name !== '') return name;
    if (this.#latest === '') throw new AmqpException('NOT_FOUND', 'no previously declared queue');
    return this.#latest;
  }

  /** Without a queue and without a key, it is for the latest queue under its own name. */
  binding(fields: ClientMethods['QueueBind']): ClientMethods['QueueBind'] {
    const queue = this.named(fields.queue);
    const isShort = fields.queue === '' && fields.routingKey === '';
    return { ...fields, queue, routingKey: isShort ? queue : fields.routingKey };
  }

  #declare(fields: QueueDeclare): Queue {
    const name = plain(fields.queue);
    if (name === '') return this.#create(generatedName(fields), fields);
    assertNotReserved('queue', name);
    const existing = this.port.vhost.findQueue(name);
    if (!existing) return this.#create(name, fields);
    assertSame(existing, fields, this.port.owner);
    return existing;
  }

  #create(name: string, fields: QueueDeclare): Queue {
    assertExchangeName('queue', name, 'x-dead-letter-exchange', fields.arguments);
    const settings = queueSettings(name, fields.arguments);
    if (settings.type === 'quorum') assertQuorum(name, fields);
    return this.port.vhost.declareQueue({
      name,
      durable: isDurable(fields),
      autoDelete: fields.autoDelete,
      owner: fields.exclusive ? this.port.owner : undefined,
      arguments: fields.arguments,
      settings,
    });
  }
}

/** An exclusive queue goes with its connection, so it is never durable. */
function isDurable(fields: QueueDeclare): boolean {
  return fields.durable && !fields.exclusive;
}

function generatedName(fields: QueueDeclare): string {
  if (fields.arguments['x-queue-type'] !== 'quorum')
    return `amq.gen-${randomBytes(16).toString('base64url')}`;
  throw refused('Cannot declare a server-named queue for type rabbit_quorum_queue');
}

/** A quorum queue is always durable and shared. */
function assertQuorum(name: string, fields: QueueDeclare): void {
  const wrong = fields.autoDelete
    ? 'auto-delete'
    : fields.exclusive
      ? 'exclusive-owner'
      : !fields.durable && 'non-durable';
  if (wrong) throw refused(`invalid property '${wrong}' for ${described('queue', name)}`);
}

function assertSame(queue: Queue, fields: QueueDeclare, owner: object): void {
  const { name, durable, autoDelete, arguments: args } = queue.declared;
  if (queue.declared.owner !== (fields.exclusive ? owner : undefined)) throw locked(queue);
  assertEquivalent('queue', name, 'durable', durable, isDurable(fields));
  assertEquivalent('queue', name, 'auto_delete', autoDelete, fields.autoDelete);
  assertEquivalentArguments('queue', name, KNOWN_ARGUMENTS[queue.settings.type], args, fields.arguments);
}

function assertDeletable(queue: Queue, { ifUnused, ifEmpty }: ClientMethods['QueueDelete']): void {
  const which = described('queue', queue.name);
  if (queue.settings.type === 'quorum' && (ifUnused || ifEmpty)) {
    const flag = ifUnused ? 'if-unused' : 'if-empty';
    const explanation = `queue.delete operations with ${flag} flag set are not supported by quorum queues`;
    throw new AmqpException('NOT_IMPLEMENTED', `cannot delete ${which}. ${explanation}`);
  }
  if (ifEmpty && queue.messages > 0) throw refused(`${which} not empty`);
  if (ifUnused && queue.consumers.count > 0) throw refused(`${which} in use`);
}
