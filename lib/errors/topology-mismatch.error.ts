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
        `declared with ${mismatch.declared}. Nothing was changed. Ways out: ${cureOf(mismatch)}; use another name ` +
        "(option queue or rabbitmq.exchange); or provision it yourself and set rabbitmq.topology to 'check' or 'none'.",
      options,
    );
  }
}

/** An exchange has nothing to drain, but bindings: those of other services too. */
function cureOf({ kind, argument }: TopologyMismatch): string {
  if (kind === 'queue')
    return 'give the option the value that exists; drain and delete the queue so that it is declared anew';
  const option =
    argument === 'alternate-exchange' ? ' (rabbitmq.alternateExchange, if it is the event exchange)' : '';
  return (
    `give the option${option} the value that exists; delete the exchange, and its bindings with it, so that every ` +
    'process that uses it declares both anew when it starts'
  );
}
