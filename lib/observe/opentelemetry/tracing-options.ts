import { OptionChecks } from '../option-checks.js';

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
  const settings = { ...TRACING_DEFAULTS, ...(Object.fromEntries(given) as TracingOptions) };
  const { parent, ...flags } = settings;
  const checks = new OptionChecks('tracing.');
  checks.known(settings, Object.keys(TRACING_DEFAULTS));
  checks.that('parent', parent, parent === 'parent' || parent === 'link', "'parent' or 'link'");
  for (const [flag, value] of Object.entries(flags))
    if (flag in TRACING_DEFAULTS) checks.that(flag, value, typeof value === 'boolean', 'true or false');
  checks.done();
  return settings;
}
