import { ContextIdFactory, type ContextId, type ExternalContextCreator, type ModuleRef } from '@nestjs/core';
import { isObservable, lastValueFrom } from 'rxjs';
import type { EventContext } from './event-context.js';
import type { Invoke } from './handler.js';

/** Where Nest keeps `@Payload()` and `@Ctx()` (and its own param decorators). */
const PARAMETERS = '__routeArguments__';

/** `RpcParamtype` of `@nestjs/microservices`: stock param decorators work on our handlers. */
const PAYLOAD = 3;
const CONTEXT = 6;

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
}

/** Runs handlers as Nest runs its own: guards, interceptors, pipes and filters, in context type `'rpc'`. */
export class Invoker {
  constructor(
    private readonly contexts: ExternalContextCreator,
    private readonly moduleRef: ModuleRef,
  ) {}

  invokeFor(target: InvokerTarget): Invoke {
    const { resolve } = target;
    if (!resolve) return this.pipeline(target.instance, target);
    return async (payload, context) => {
      const contextId = ContextIdFactory.create();
      this.moduleRef.registerRequestByContextId(context, contextId);
      await this.pipeline(await resolve(contextId), target, contextId)(payload, context);
    };
  }

  /**
   * Filters run apart from the rest, so that the original error stays known: a catch-all filter turns every error into
   * an Observable of a generic object, and with it gone nobody could tell a validation error from a time-out.
   */
  private pipeline(instance: Provider, target: InvokerTarget, contextId?: ContextId): Invoke {
    const { method, inquirerId, moduleToken } = target;
    const callback = instance[method] as Method;
    const contexts = contextsOf(this.contexts, moduleToken);
    const create = (
      what: Method,
      parameters: string,
      options: { guards: boolean; interceptors: boolean; filters: boolean },
    ) =>
      contexts.create(
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
    const run = create(callback, PARAMETERS, { guards: true, interceptors: true, filters: false });
    const filter = create(rethrowing(callback), NO_PARAMETERS, {
      guards: false,
      interceptors: false,
      filters: true,
    });
    return async (payload, context) => {
      try {
        await run(payload, context);
      } catch (error) {
        await filtered(() => filter(payload, context, error), error);
      }
    };
  }
}

/**
 * Nest's creator of pipelines, told what it cannot know. It looks for the host among providers, and would silently
 * leave out the enhancers of a controller; and to it an Observable that completes empty is an error.
 */
function contextsOf(contexts: ExternalContextCreator, moduleToken: string): ExternalContextCreator {
  return Object.create(contexts, {
    getContextModuleKey: { value: () => moduleToken },
    transformToResult: { value: resultOf },
  }) as ExternalContextCreator;
}

const NO_PARAMETERS = 'nestjs-rabbitmq-outbox:no-parameters';

const parameterFactory = {
  exchangeKeyForValue(type: number, data: unknown, [payload, context]: unknown[]): unknown {
    if (type === PAYLOAD)
      return typeof data === 'string'
        ? (payload as Record<string, unknown> | null | undefined)?.[data]
        : payload;
    return type === CONTEXT ? context : null;
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

async function resultOf(result: unknown): Promise<unknown> {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}

export type { EventContext };
