import type { CanActivate, ContextType, Logger } from '@nestjs/common';
import type { ExternalContextCreator } from '@nestjs/core';
import { isObservable, lastValueFrom } from 'rxjs';
import { withHint } from './hint.js';
import type { Prepare } from './payload/prepare.js';

/** Which enhancers of the whole application (`APP_GUARD`, `app.useGlobalGuards()` …) apply to handlers. */
export interface GlobalEnhancers {
  readonly guards: boolean;
  readonly interceptors: boolean;
  readonly pipes: boolean;
  readonly filters: boolean;
}

export interface ContextsSettings {
  readonly enhancers: GlobalEnhancers;
  /** Where Nest keeps the guards, pipes, interceptors and filters of the handler. */
  readonly moduleToken: string;
  readonly prepare: Prepare | undefined;
}

/** What we replace of Nest's creator of pipelines. */
interface Internals {
  getContextModuleKey(): string;
  transformToResult(result: unknown): unknown;
  create(...args: Parameters<ExternalContextCreator['create']>): (...args: unknown[]) => Promise<unknown>;
  readonly guardsContextCreator: EnhancerCreator;
  readonly interceptorsContextCreator: InterceptorCreator;
  readonly pipesContextCreator: EnhancerCreator;
  readonly filtersContextCreator: FilterCreator;
  createPipesFn(pipes: unknown[], parameters: unknown[]): ApplyPipes | null;
  createGuardsFn(
    guards: CanActivate[],
    instance: object,
    callback: unknown,
    type: ContextType,
  ): ActivateGuards | null;
}

interface EnhancerCreator {
  create(this: unknown, ...args: unknown[]): unknown;
  getGlobalMetadata(this: void, ...args: unknown[]): object[];
  readonly config?: {
    getGlobalGuards(): object[];
    getGlobalRequestGuards(): Array<{ readonly metatype: { readonly name: string } | null }>;
  };
}

interface FilterCreator extends EnhancerCreator {
  create(this: unknown, ...args: unknown[]): ExceptionsHandler;
}

interface InterceptorCreator extends EnhancerCreator {
  create(this: unknown, ...args: unknown[]): unknown[];
}

interface ExceptionsHandler {
  next(error: unknown, host: unknown): unknown;
  /** `undefined`: there is none for it, or it only looked. */
  invokeCustomFilters(error: unknown, host: unknown): unknown;
}

type ApplyPipes = (parameters: unknown[], payload: unknown, context: unknown) => Promise<void>;
type ActivateGuards = (args: unknown[]) => Promise<void>;

/**
 * Nest's creator of pipelines, told what it cannot know. It looks for the host among providers, and would silently
 * leave out the enhancers of a controller; to it an Observable that completes empty is an error; it knows the
 * enhancers of the whole application only all together with the handler's own; and it logs every error with its stack,
 * where ours is one line in a while.
 */
export function contextsOf(
  contexts: ExternalContextCreator,
  { enhancers, moduleToken, prepare }: ContextsSettings,
): ExternalContextCreator {
  const internals = contexts as unknown as Internals;
  const { guardsContextCreator, interceptorsContextCreator, pipesContextCreator, filtersContextCreator } =
    internals;
  const globalGuards = new WeakSet<object>();
  const guards = enhancers.guards ? noting(guardsContextCreator, globalGuards) : own(guardsContextCreator);
  const interceptors = enhancers.interceptors ? interceptorsContextCreator : own(interceptorsContextCreator);
  const createGuards = hinting(internals, globalGuards);
  const createPipes = preparing(internals, prepare);
  const around = new Around();
  const replaced: Partial<Internals> & ThisType<Internals> = {
    getContextModuleKey: () => moduleToken,
    transformToResult: resultOf,
    guardsContextCreator: guards,
    interceptorsContextCreator: derived(interceptors, {
      create: function (this: unknown, ...args) {
        return around.noting(interceptors.create.apply(this, args));
      },
    }),
    pipesContextCreator: enhancers.pipes ? pipesContextCreator : own(pipesContextCreator),
    filtersContextCreator: silent(enhancers.filters ? filtersContextCreator : own(filtersContextCreator)),
    createGuardsFn(...args) {
      return around.noting(createGuards.apply(this, args));
    },
    createPipesFn(...args) {
      return around.noting(createPipes.apply(this, args));
    },
    create(...args) {
      const run = internals.create.apply(this, args);
      const [instance, method, , , , , , options] = args;
      return around.nothing && !options?.filters ? alone(instance, method) : run;
    },
  };
  return Object.assign(Object.create(contexts) as ExternalContextCreator, replaced);
}

/** What Nest puts around a method: with nothing there its way to the method would cost every message eight promises. */
class Around {
  nothing = true;

  /** Each part is a list, or a function if there is any. */
  noting<Part>(part: Part): Part {
    if (Array.isArray(part) ? part.length > 0 : part !== null) this.nothing = false;
    return part;
  }
}

/** As if it were asynchronous: what it throws is a rejection. */
function alone(instance: object, method: (...args: unknown[]) => unknown) {
  return (...args: unknown[]): Promise<unknown> => {
    try {
      return Promise.resolve(method.apply(instance, args));
    } catch (error) {
      return Promise.reject(error as Error);
    }
  };
}

/** One line at start: a guard that was written for HTTP would refuse every event. */
export function announceGlobalGuards(contexts: ExternalContextCreator, logger: Pick<Logger, 'log'>): void {
  const { config } = (contexts as unknown as Internals).guardsContextCreator;
  const made = config?.getGlobalGuards().map(nameOf) ?? [];
  const scoped = config?.getGlobalRequestGuards().map(({ metatype }) => metatype?.name ?? 'a guard') ?? [];
  const names = [...made, ...scoped].join(', ');
  if (names !== '')
    logger.log(`Global guards run for events, too: ${names}. Without: consumers.enhancers.guards = false.`);
}

export function resultOf(result: unknown): unknown {
  return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
}

const nameOf = (guard: object): string => guard.constructor?.name ?? 'a guard';

/** Without those of the whole application. */
const own = <T extends EnhancerCreator>(creator: T): T => derived(creator, { getGlobalMetadata: () => [] });

/** Remembers which of them are of the whole application: Nest puts them into one list with the handler's own. */
function noting(creator: EnhancerCreator, seen: WeakSet<object>): EnhancerCreator {
  return derived(creator, {
    getGlobalMetadata: (...args) => {
      const global = creator.getGlobalMetadata(...args);
      for (const enhancer of global) seen.add(enhancer);
      return global;
    },
  });
}

const derived = <T extends EnhancerCreator>(creator: T, replaced: Partial<EnhancerCreator>): T =>
  Object.assign(Object.create(creator) as T, replaced);

/** An error that no filter deals with is thrown, and not logged. */
function silent(creator: FilterCreator): FilterCreator {
  return derived(creator, {
    create(this: unknown, ...args) {
      const handler = creator.create.apply(this, args);
      handler.next = (error, host) => {
        const result = handler.invokeCustomFilters(error, host);
        if (result === undefined) throw error;
        return result;
      };
      return handler;
    },
  });
}

/** A global guard was as a rule written for HTTP: where it refuses an event, or trips over it, say so. */
function hinting(internals: Internals, globalGuards: WeakSet<object>): Internals['createGuardsFn'] {
  return function createGuardsFn(this: Internals, guards, ...rest) {
    const activate = (some: CanActivate[]) => internals.createGuardsFn.call(this, some, ...rest);
    const isGlobal = (guard: CanActivate) => globalGuards.has(guard);
    const theirs = activate(guards.filter((guard) => !isGlobal(guard)));
    const global = guards.filter(isGlobal);
    if (global.length === 0) return theirs;
    const steps = global.map((guard) => ({ activates: activate([guard]), hint: hintAt(nameOf(guard)) }));
    return async (args) => {
      for (const { activates, hint } of steps) {
        await activates?.(args).catch((error: unknown) => {
          throw withHint(error, hint);
        });
      }
      await theirs?.(args);
    };
  };
}

const hintAt = (guard: string): string =>
  `by the global guard ${guard}; guards of the whole application run for events, too: let it begin with ` +
  `"if (context.getType() !== 'http') return true", or set consumers.enhancers.guards to false`;

/** The payload is prepared where Nest applies pipes: behind guards and interceptors, right before the method. */
function preparing(internals: Internals, prepare: Prepare | undefined): Internals['createPipesFn'] {
  return function createPipesFn(this: Internals, pipes, parameters) {
    const apply = internals.createPipesFn.call(this, pipes, parameters);
    if (!prepare) return apply;
    return async (places, payload, context) => {
      const prepared = await prepare(payload);
      if (apply) return apply(places, prepared, context);
      places[0] = prepared;
      places[1] = context;
    };
  };
}
