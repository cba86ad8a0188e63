import { describeValue } from '../../errors/describe-value.js';
import { InvalidOptionError } from '../../errors/invalid-option.error.js';

export interface TracingOptions {
  /**
   * How a handler's span belongs to the event's: `'parent'`, one trace from the request to the handler and on; or
   * `'link'`, a trace of its own for each handling, with a link. Default `'parent'`, with a link as well.
   */
  parent?: 'parent' | 'link';
  /**
   * Whether baggage travels with the events, too. It ends up in the table, on the broker and with whoever handles them.
   * Default `false`.
   */
  baggage?: boolean;
  /** Whether instrumentation of amqplib is kept from our channels, where it would tell everything twice. Default `true`. */
  suppressAmqplib?: boolean;
  /** Whether instrumentation of the database driver is kept from the relay's own statements. Default `true`. */
  suppressRelay?: boolean;
}

export const TRACING_DEFAULTS: Required<TracingOptions> = {
  parent: 'parent',
  baggage: false,
  suppressAmqplib: true,
  suppressRelay: true,
};

/** @throws {InvalidOptionError} naming the option and the value it got */
export function checkTracing(options: TracingOptions): Required<TracingOptions> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const checked = { ...TRACING_DEFAULTS, ...(Object.fromEntries(given) as TracingOptions) };
  const wrong = Object.entries(checked).filter(([option, value]) => !isLegal(option, value));
  if (wrong.length === 0) return checked;
  throw new InvalidOptionError(
    wrong.map(([option, value]) => `tracing.${option} ${ruleOf(option)}, got ${describeValue(value)}`),
  );
}

const isLegal = (option: string, value: unknown): boolean =>
  option === 'parent'
    ? value === 'parent' || value === 'link'
    : option in TRACING_DEFAULTS && typeof value === 'boolean';

function ruleOf(option: string): string {
  if (!(option in TRACING_DEFAULTS)) return 'is not an option';
  return option === 'parent' ? "must be 'parent' or 'link'" : 'must be true or false';
}
