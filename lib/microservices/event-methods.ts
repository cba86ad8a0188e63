import type { MessageHandler } from '@nestjs/microservices';
import type { EventContext } from '../consume/event-context.js';
import type { BroughtHandler, ForeseenHandler } from '../consume/handler-intake.js';
import { HANDLER_OPTIONS } from '../consume/handler-checks.js';
import { resultOf } from '../consume/nest-contexts.js';
import type { OnEventOptions } from '../consume/on-event.decorator.js';
import { matchesPattern } from '../event/pattern.js';
import type { PatternMethod } from './pattern-methods.js';
import { failureBehind } from './known-failure.js';

type Callback = (payload: unknown, context: EventContext) => Promise<unknown>;

interface Registered {
  readonly pattern: string;
  readonly callback: Callback;
}

/** What Nest has registered, by method: each is a handler with all its patterns. */
export class EventMethods {
  private readonly methods = new Map<
    string,
    { readonly extras: object; readonly registered: Registered[] }
  >();

  add(name: string, pattern: string, callback: MessageHandler, extras: object): void {
    const method = this.methods.get(name) ?? { extras, registered: [] };
    this.methods.set(name, method);
    method.registered.push({ pattern, callback: callback as unknown as Callback });
  }

  handlers(): BroughtHandler[] {
    return [...this.methods].map(([name, { extras, registered }]) => ({
      name,
      patterns: registered.map(({ pattern }) => pattern),
      options: optionsAmong(extras),
      invoke: (payload, context) => invoke(registered, payload, context),
    }));
  }
}

/** An error comes as a rejection, or as an Observable that fails. */
async function invoke(
  registered: readonly Registered[],
  payload: unknown,
  context: EventContext,
): Promise<void> {
  const matching = registered.find(({ pattern }) => matchesPattern(pattern, context.routingKey));
  // Messages that were put straight on the queue match nothing.
  const { callback } = matching ?? (registered[0] as Registered);
  try {
    await resultOf(await callback(payload, context));
  } catch (error) {
    throw failureBehind(error, context);
  }
}

/** What is to come of methods that Nest has not registered yet. */
export const foreseen = (methods: readonly PatternMethod[]): ForeseenHandler[] =>
  methods.flatMap(({ name, patterns, extras }) => {
    const types = patterns.filter((pattern) => typeof pattern === 'string');
    return types.length === 0 ? [] : [{ name, patterns: types, options: optionsAmong(extras) }];
  });

/**
 * Other transports may find something for them among the extras, too. What a method is called with is Nest's own business
 * here, and which outbox its events come from the strategy's.
 */
const optionsAmong = (extras: object): OnEventOptions =>
  Object.fromEntries(Object.entries(extras).filter(([name]) => OPTIONS.has(name)));

const OPTIONS: ReadonlySet<string> = new Set(
  [...HANDLER_OPTIONS].filter((name) => !['schema', 'batch', 'outbox'].includes(name)),
);
