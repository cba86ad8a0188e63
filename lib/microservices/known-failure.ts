import { AsyncLocalStorage } from 'node:async_hooks';
import { Catch, type ExceptionFilter } from '@nestjs/common';

const FILTERS = '__exceptionFilters__';

/** Wrapped, because anything can be thrown, `undefined` included. */
interface Known {
  failure?: { readonly error: unknown };
}

const running = new AsyncLocalStorage<Known>();

/** Of no error's kind, as Nest learns by `instanceof`, which tells us of each. */
class NoError {
  static [Symbol.hasInstance](error: unknown): boolean {
    const known = running.getStore();
    if (known) known.failure = { error };
    return false;
  }
}

@Catch(NoError)
class Witness implements ExceptionFilter {
  catch(): never {
    throw new Error('It catches nothing.');
  }
}

const witness = new Witness();

/**
 * Nest's own filter for microservices makes one generic object of every error that is no `RpcException`: nobody could tell
 * a validation error from a time-out behind it, nor a `Reject`. A filter that catches nothing is asked about every error
 * before the others are, whether it comes from a guard, a pipe, an interceptor or the method.
 */
export function witnessFailures(method: object): void {
  const present = (Reflect.getMetadata(FILTERS, method) as unknown[] | undefined) ?? [];
  // Nest asks the last one first.
  if (!present.includes(witness)) Reflect.defineMetadata(FILTERS, [...present, witness], method);
}

/** Rejects with what the method failed with, not with what filters or Nest have made of it. */
export function withKnownFailure<T>(work: () => Promise<T>): Promise<T> {
  const known: Known = {};
  return running.run(known, async () => {
    try {
      return await work();
    } catch (error) {
      throw known.failure ? known.failure.error : error;
    }
  });
}
