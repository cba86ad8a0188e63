import { ContextIdFactory, type ContextId, type ExternalContextCreator, type ModuleRef } from '@nestjs/core';
import { REQUEST_CONTEXT_ID } from '@nestjs/core/internal';
import { isObservable } from 'rxjs';
import { EventBatch } from './batch/event-batch.js';
import type { EventContext } from './event-context.js';
import type { Invoke } from './handler.js';
import { contextsOf, resultOf, type GlobalEnhancers } from './nest-contexts.js';
import { CONTEXT, PARAMETERS, PAYLOAD } from './payload/payload-shape.js';
import type { Prepare } from './payload/prepare.js';

type Method = (...args: unknown[]) => unknown;
export type Provider = Record<string, Method>;

export interface InvokerTarget {
  /** The provider, or its prototype if each message gets an instance of its own. */
  readonly instance: Provider;
  readonly method: string;
  /** Resolves the provider for one message; absent for a singleton. */
  readonly resolve?: (contextId: ContextId) => Promise<Provider>;
  /** Id Nest knows the provider by. */
  readonly inquirerId: string;
  /** Token of the module it belongs to, where Nest keeps its guards, pipes, interceptors and filters. */
  readonly moduleToken: string;
  /** Shared by the messages of one tenant, as the application's `ContextIdStrategy` tells them apart. */
  readonly durable: boolean;
  /** What is done to a payload before the method gets it. */
  readonly prepare: Prepare | undefined;
}

/** Runs handlers as Nest runs its own: guards, interceptors, pipes and filters, in context type `'rpc'`. */
export class Invoker {
  constructor(
    private readonly contexts: ExternalContextCreator,
    private readonly moduleRef: ModuleRef,
    private readonly enhancers: GlobalEnhancers,
  ) {}

  invokeFor(target: InvokerTarget): Invoke {
    const { resolve } = target;
    if (!resolve) return this.pipeline(target.instance, target);
    return async (payload, context) => {
      const contextId = this.contextIdOf(context, target.durable);
      await this.pipeline(await resolve(contextId), target, contextId)(payload, context);
    };
  }

  /** As Nest does it for requests: what guards and interceptors look up by the context is of the same sub-tree. */
  private contextIdOf(context: EventContext | EventBatch, durable: boolean): ContextId {
    const contextId = ContextIdFactory.getByRequest(context);
    Object.defineProperty(context, REQUEST_CONTEXT_ID, { value: contextId, configurable: true });
    // What several messages share must not hold one of them.
    const request = durable && contextId.getParent ? contextId.payload : context;
    this.moduleRef.registerRequestByContextId(request, contextId);
    return contextId;
  }

  /**
   * Filters run apart from the rest, so that the original error stays known: a catch-all filter turns every error into
   * an Observable of a generic object, and with it gone nobody could tell a validation error from a time-out.
   */
  private pipeline(instance: Provider, target: InvokerTarget, contextId?: ContextId): Invoke {
    const { method, inquirerId, moduleToken } = target;
    const callback = instance[method] as Method;
    const create = (
      what: Method,
      parameters: string,
      prepare: Prepare | undefined,
      options: { guards: boolean; interceptors: boolean; filters: boolean },
    ) =>
      contextsOf(this.contexts, { enhancers: this.enhancers, moduleToken, prepare }).create(
        instance,
        what,
        method,
        parameters,
        parameterFactory,
        contextId,
        inquirerId,
        options,
        'rpc',
      );
    const running = { guards: true, interceptors: true, filters: false };
    const run = create(callback, PARAMETERS, target.prepare, running);
    const filtering = { guards: false, interceptors: false, filters: true };
    const filter = create(rethrowing(callback), NO_PARAMETERS, undefined, filtering);
    return (payload, context) => {
      const failed = (error: unknown) => filtered(() => filter(payload, context, error), error);
      return run(payload, context).then((result) => completed(result, failed), failed);
    };
  }
}

const nothing = () => undefined;

/** A method may return an Observable, which fails later than it. */
function completed(result: unknown, failed: (error: unknown) => Promise<void>): Promise<void> | undefined {
  return isObservable(result) ? Promise.resolve(resultOf(result)).then(nothing, failed) : undefined;
}

const NO_PARAMETERS = 'nestjs-rabbitmq-outbox:no-parameters';

const parameterFactory = {
  exchangeKeyForValue(type: number, data: unknown, [payload, context]: unknown[]): unknown {
    if (type === CONTEXT) return context;
    if (type !== PAYLOAD) return null;
    if (typeof data !== 'string') return payload;
    const part = (of: unknown) => (of as Record<string, unknown> | null | undefined)?.[data];
    return context instanceof EventBatch ? (payload as unknown[]).map(part) : part(payload);
  },
};

/** Carries the method's metadata, by which Nest finds its filters, and throws what it is given. */
function rethrowing(callback: Method): Method {
  const thrower: Method = (_payload, _context, error) => {
    throw error;
  };
  for (const key of Reflect.getMetadataKeys(callback)) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, callback), thrower);
  }
  return thrower;
}

/** A filter that returns a value has dealt with the error; one that throws, or returns a failing Observable, has not. */
async function filtered(filter: () => Promise<unknown>, original: unknown): Promise<void> {
  try {
    await resultOf(await filter());
  } catch {
    throw original;
  }
}
