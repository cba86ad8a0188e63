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
  readonly guardsContextCreator: EnhancerCreator;
  readonly interceptorsContextCreator: EnhancerCreator;
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
  getGlobalMetadata(this: void, ...args: unknown[]): object[];
  readonly config?: {
    getGlobalGuards(): object[];
    getGlobalRequestGuards(): Array<{ readonly metatype: { readonly name: string } | null }>;
  };
}

interface FilterCreator extends EnhancerCreator {
  create(...args: unknown[]): ExceptionsHandler;
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
  const replaced = {
    getContextModuleKey: () => moduleToken,
    transformToResult: resultOf,
    guardsContextCreator: guards,
    interceptorsContextCreator: enhancers.interceptors
      ? interceptorsContextCreator
      : own(interceptorsContextCreator),
    pipesContextCreator: enhancers.pipes ? pipesContextCreator : own(pipesContextCreator),
    filtersContextCreator: silent(enhancers.filters ? filtersContextCreator : own(filtersContextCreator)),
    createGuardsFn: hinting(internals, globalGuards),
    ...(prepare && { createPipesFn: preparing(internals, prepare) }),
  };
  return Object.assign(Object.create(contexts) as ExternalContextCreator, replaced);
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

const derived = <T extends EnhancerCreator>(creator: T, replaced: Partial<FilterCreator>): T =>
  Object.assign(Object.create(creator) as T, replaced);

/** An error that no filter deals with is thrown, and not logged. */
function silent(creator: FilterCreator): FilterCreator {
  return derived(creator, {
    create(this: FilterCreator, ...args) {
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
function preparing(internals: Internals, prepare: Prepare): Internals['createPipesFn'] {
  return function createPipesFn(this: Internals, pipes, parameters) {
    const apply = internals.createPipesFn.call(this, pipes, parameters);
    return async (places, payload, context) => {
      const prepared = await prepare(payload);
      if (apply) return apply(places, prepared, context);
      places[0] = prepared;
      places[1] = context;
    };
  };
}
