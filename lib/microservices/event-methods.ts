import type { MessageHandler } from '@nestjs/microservices';
import type { EventContext } from '../consume/event-context.js';
import type { BroughtHandler, ForeseenHandler } from '../consume/handler-intake.js';
import { HANDLER_OPTIONS } from '../consume/handler-checks.js';
import { resultOf } from '../consume/nest-contexts.js';
import type { OnEventOptions } from '../consume/on-event.decorator.js';
import { InvalidHandlerError } from '../errors/invalid-handler.error.js';
import { matchesPattern } from '../event/pattern.js';
import { OUTBOX_TRANSPORT, type KnownMethod, type PatternMethod } from './pattern-methods.js';
import { withKnownFailure } from './known-failure.js';

type Callback = (payload: unknown, context: EventContext) => Promise<unknown>;

interface Registered {
  readonly pattern: string;
  readonly callback: Callback;
}

/** What Nest has registered, by method: each is a handler with all its patterns. */
export class EventMethods {
  private readonly methods = new Map<
    string,
    { readonly method: KnownMethod; readonly registered: Registered[] }
  >();

  add(method: KnownMethod, pattern: string, callback: MessageHandler): void {
    const registered = this.methods.get(method.name)?.registered ?? [];
    this.methods.set(method.name, { method, registered });
    registered.push({ pattern, callback: callback as unknown as Callback });
  }

  /** @throws {InvalidHandlerError} for an extra that is no option, where nobody else can want it */
  handlers(): BroughtHandler[] {
    return [...this.methods.values()].map(({ method, registered }) => ({
      name: method.name,
      patterns: registered.map(({ pattern }) => pattern),
      options: optionsAmong(method),
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
  await withKnownFailure(async () => resultOf(await callback(payload, context)));
}

/** What is to come of methods that Nest has not registered yet. */
export const foreseen = (methods: readonly PatternMethod[]): ForeseenHandler[] =>
  methods.flatMap((method) => {
    const types = method.patterns.filter((pattern) => typeof pattern === 'string');
    return types.length === 0 ? [] : [{ name: method.name, patterns: types, options: optionsAmong(method) }];
  });

/**
 * Other transports may find something for them among the extras, unless the method is for ours alone. What a method is
 * called with is Nest's own business here, and which outbox its events come from the strategy's.
 */
function optionsAmong({ name, extras, transport }: KnownMethod): OnEventOptions {
  const wrong = Object.keys(extras).find((extra) => !OPTIONS.has(extra));
  if (wrong !== undefined && transport === OUTBOX_TRANSPORT)
    throw new InvalidHandlerError(name, `"${wrong}" is not an option of @EventPattern().`);
  return Object.fromEntries(Object.entries(extras).filter(([extra]) => OPTIONS.has(extra)));
}

const OPTIONS: ReadonlySet<string> = new Set(
  [...HANDLER_OPTIONS].filter((name) => !['schema', 'batch', 'outbox'].includes(name)),
);
