import { OutboxError } from './outbox.error.js';

/** The RabbitMQ user may not declare or use what has to be there (AMQP 403 ACCESS_REFUSED). */
export class TopologyForbiddenError extends OutboxError {
  readonly code = 'OUTBOX_TOPOLOGY_FORBIDDEN';

  constructor(answer: string, options?: ErrorOptions) {
    super(
      `RabbitMQ refuses our user: ${answer}. Give it the permission, or provide exchanges and queues beforehand ` +
        "(OutboxTopology tells which, and the least permissions) and set rabbitmq.topology to 'check' or 'none'.",
      options,
    );
  }
}
