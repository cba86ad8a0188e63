import { AmqpException, described, notFound } from './errors.js';
import type { Port } from './port.js';
import type { Queue } from './queue.js';

/** The queue of that name. Throws when there is none, or when it belongs to another connection. */
export function queueFor(port: Port, name: string): Queue {
  const queue = port.vhost.findQueue(name);
  if (!queue) throw notFound('queue', name);
  assertAccess(port, queue);
  return queue;
}

export function assertAccess(port: Port, queue: Queue): void {
  const { owner } = queue.declared;
  if (owner !== undefined && owner !== port.owner) throw locked(queue);
}

export function locked(queue: Queue): AmqpException {
  return new AmqpException(
    'RESOURCE_LOCKED',
    `cannot obtain exclusive access to locked ${described('queue', queue.name)}. It could be originally declared on ` +
      'another connection or the exclusive property value does not match that of the original declaration.',
  );
}

/** Clients may not create names that begin with `amq.`. */
export function assertNotReserved(kind: 'queue' | 'exchange', name: string): void {
  if (!name.startsWith('amq.')) return;
  throw new AmqpException('ACCESS_REFUSED', `${kind} name '${name}' contains reserved prefix 'amq.*'`);
}

export function assertNotDefaultExchange(name: string): void {
  if (name !== '') return;
  throw new AmqpException('ACCESS_REFUSED', 'operation not permitted on the default exchange');
}

/** RabbitMQ drops line breaks from names. */
export function plain(name: string): string {
  return name.replace(/[\r\n]/g, '');
}
