import type { ExecutionContext, NestInterceptor } from '@nestjs/common';
import { catchError, throwError, type Observable } from 'rxjs';
import { EventContext } from '../consume/event-context.js';

const FAILURE = Symbol('nestjs-rabbitmq-outbox:failure');
const INTERCEPTORS = '__interceptors__';

/** Wrapped, because anything can be thrown, `undefined` included. */
interface Kept {
  [FAILURE]?: { readonly error: unknown };
}

/** Notes on the context of an event what its handler failed with. */
const keeper: NestInterceptor = {
  intercept(context: ExecutionContext, next): Observable<unknown> {
    const event: unknown = context.switchToRpc().getContext();
    if (!(event instanceof EventContext)) return next.handle();
    return next.handle().pipe(
      catchError((error: unknown) => {
        (event as Kept)[FAILURE] = { error };
        return throwError(() => error);
      }),
    );
  },
};

/**
 * Nest's own filter for microservices makes one generic object of every error that is no `RpcException`: nobody could tell
 * a validation error from a time-out behind it, nor a `Reject`. An interceptor sees the error before.
 */
export function keepFailures(method: object): void {
  const present = (Reflect.getMetadata(INTERCEPTORS, method) as unknown[] | undefined) ?? [];
  if (!present.includes(keeper)) Reflect.defineMetadata(INTERCEPTORS, [keeper, ...present], method);
}

/** What the handler failed with, if it got that far; else what Nest says. */
export function failureBehind(error: unknown, context: EventContext): unknown {
  const kept = (context as Kept)[FAILURE];
  return kept ? kept.error : error;
}
