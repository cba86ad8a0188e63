import { OutboxError } from './outbox.error.js';

/** `topology: 'check'` found exchanges or queues that do not exist. */
export class TopologyMissingError extends OutboxError {
  readonly code = 'OUTBOX_TOPOLOGY_MISSING';

  constructor(readonly missing: readonly string[]) {
    super(
      `RabbitMQ lacks ${missing.join(', ')}. With rabbitmq.topology 'check' nothing is declared: create them, or set ` +
        "topology to 'assert' for a process that may.",
    );
  }
}
