import { OutboxError } from './outbox.error.js';

export interface TopologyMismatch {
  readonly kind: 'queue' | 'exchange';
  readonly name: string;
  /** The argument that differs, for example `x-message-ttl` or `type`. */
  readonly argument: string;
  readonly declared: string;
  readonly actual: string;
}

/** A queue or exchange exists with other arguments than we would declare (AMQP 406 PRECONDITION_FAILED). */
export class TopologyMismatchError extends OutboxError {
  readonly code = 'OUTBOX_TOPOLOGY_MISMATCH';

  constructor(
    readonly mismatch: TopologyMismatch,
    options?: ErrorOptions,
  ) {
    super(
      `The ${mismatch.kind} "${mismatch.name}" exists with ${mismatch.argument} = ${mismatch.actual}, but would be ` +
        `declared with ${mismatch.declared}. Nothing was changed. Ways out: give the option the value that exists; ` +
        `drain and delete the ${mismatch.kind} so that it is declared anew; use another name (option queue or ` +
        "rabbitmq.exchange); or provision it yourself and set rabbitmq.topology to 'check' or 'none'.",
      options,
    );
  }
}
