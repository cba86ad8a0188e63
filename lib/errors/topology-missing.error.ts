import { OutboxError } from './outbox.error.js';

/** Exchanges or queues do not exist that this process must not declare. */
export class TopologyMissingError extends OutboxError {
  readonly code = 'OUTBOX_TOPOLOGY_MISSING';

  constructor(readonly missing: readonly string[]) {
    super(
      `RabbitMQ lacks ${missing.join(', ')}. With rabbitmq.topology 'check' nothing is declared, and the exchange that a ` +
        'handler asks for is somebody else’s in every mode. Create what is missing, or set rabbitmq.topology to ' +
        "'assert' for a process that may declare what is ours.",
    );
  }
}
