import {
  Catch,
  Injectable,
  Logger,
  UnauthorizedException,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { OnEvent, type EnhancersOptions } from 'nestjs-rabbitmq-outbox';
import type { Observable } from 'rxjs';
import { openStage, type Stage } from './stage.js';

const trace: string[] = [];

function guard(name: string, judge: (context: ExecutionContext) => boolean = () => true) {
  @Injectable()
  class Guard implements CanActivate {
    canActivate(context: ExecutionContext): boolean {
      trace.push(`${name} guard`);
      return judge(context);
    }
  }
  Object.defineProperty(Guard, 'name', { value: `${name}Guard` });
  return Guard;
}

function interceptor(name: string) {
  @Injectable()
  class Interceptor implements NestInterceptor {
    intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
      trace.push(`${name} interceptor`);
      return next.handle();
    }
  }
  return Interceptor;
}

function pipe(name: string) {
  @Injectable()
  class Pipe implements PipeTransform {
    transform(value: unknown): unknown {
      trace.push(`${name} pipe`);
      return value;
    }
  }
  return Pipe;
}

function filter(name: string) {
  @Catch()
  class Filter implements ExceptionFilter {
    catch(error: Error): never {
      trace.push(`${name} filter`);
      throw error;
    }
  }
  return Filter;
}

@Injectable()
@UseGuards(guard('own'))
@UseInterceptors(interceptor('own'))
@UsePipes(pipe('own'))
class Till {
  @OnEvent('paid', { retry: false })
  @UseFilters(filter('own'))
  paid(@Payload() _payment: unknown): void {
    trace.push('handler');
    throw new Error('no');
  }

  @OnEvent('other', { retry: false })
  other(@Payload() _payment: unknown): void {
    throw new Error('no');
  }
}

/** What an HTTP application has. */
const BearerGuard = guard('Bearer', (context) => {
  const request = context.switchToHttp().getRequest<{ headers: Record<string, string> }>();
  if (!request.headers['authorization']) throw new UnauthorizedException();
  return true;
});

describe('enhancers of the whole application', () => {
  let stage: Stage;
  let logged: string[];

  beforeEach(async () => {
    trace.length = 0;
    logged = [];
    for (const level of ['log', 'error'] as const) {
      jest
        .spyOn(Logger.prototype, level)
        .mockImplementation((message: unknown) => void logged.push(String(message)));
    }
    stage = await openStage();
  });

  afterEach(async () => {
    await stage.close();
    jest.restoreAllMocks();
  });

  const start = (enhancers: EnhancersOptions | undefined, ...providers: object[]) =>
    stage.start({
      providers: [Till, ...providers] as never,
      options: { consumers: { ...(enhancers && { enhancers }) } },
    });

  test.each<[string, EnhancersOptions | undefined, string[]]>([
    ['all of them unless told otherwise', undefined, ['guard', 'interceptor', 'pipe', 'filter']],
    ['no guards', { guards: false }, ['interceptor', 'pipe', 'filter']],
    ['no interceptors', { interceptors: false }, ['guard', 'pipe', 'filter']],
    ['no pipes', { pipes: false }, ['guard', 'interceptor', 'filter']],
    ['no filters', { filters: false }, ['guard', 'interceptor', 'pipe']],
    ['none', { guards: false, interceptors: false, pipes: false, filters: false }, []],
  ])('apply to handlers as the module says, %s, beside their own', async (_what, enhancers, applied) => {
    await start(
      enhancers,
      { provide: APP_GUARD, useClass: guard('global') },
      { provide: APP_INTERCEPTOR, useClass: interceptor('global') },
      { provide: APP_PIPE, useClass: pipe('global') },
      { provide: APP_FILTER, useClass: filter('global') },
    );
    await stage.publish('paid');
    await stage.deadLetter(stage.queue('Till.paid'));
    const runs = ['guard', 'interceptor', 'pipe'].flatMap((kind) =>
      applied.includes(kind) ? [`global ${kind}`, `own ${kind}`] : [`own ${kind}`],
    );
    // Of several filters that fit, Nest asks the nearest one only.
    expect(trace).toEqual([...runs, 'handler', 'own filter']);
    trace.length = 0;
    await stage.publish('other');
    await stage.deadLetter(stage.queue('Till.other'));
    expect(trace.filter((line) => line.endsWith('filter'))).toEqual(
      applied.includes('filter') ? ['global filter'] : [],
    );
  });

  test('that are guards are named once at start', async () => {
    await start(undefined, { provide: APP_GUARD, useClass: BearerGuard });
    const lines = logged.filter((line) => line.includes('BearerGuard'));
    expect(lines).toEqual([
      'Global guards run for events, too: BearerGuard. Without: consumers.enhancers.guards = false.',
    ]);
  });

  test.each<[string, EnhancersOptions | undefined, object[]]>([
    ['switched off', { guards: false }, [{ provide: APP_GUARD, useClass: BearerGuard }]],
    ['not there', undefined, []],
  ])('that are guards are not named when they are %s', async (_what, enhancers, providers) => {
    await start(enhancers, ...providers);
    expect(logged.filter((line) => line.includes('lobal guards'))).toEqual([]);
  });

  test('that are guards and made for HTTP leave a hint in log and dead letter, by their name', async () => {
    await start(
      undefined,
      { provide: APP_GUARD, useClass: guard('Patient') },
      { provide: APP_GUARD, useClass: BearerGuard },
    );
    await stage.publish('paid');
    const letter = await stage.deadLetter(stage.queue('Till.paid'));
    const { headers } = letter.properties;
    const hint = /by the global guard BearerGuard; .*consumers\.enhancers\.guards to false/;
    expect(headers?.['outbox-error-type']).toBe('TypeError');
    expect(headers?.['outbox-error-message']).toMatch(/^Cannot read properties of undefined/);
    expect(headers?.['outbox-error-message']).toMatch(hint);
    expect(logged.filter((line) => hint.test(line))).toHaveLength(1);
  });

  test('that are guards and refuse leave the hint, and the dead letter is of the error they gave', async () => {
    await start(undefined, { provide: APP_GUARD, useClass: guard('Strict', () => false) });
    await stage.publish('paid');
    const { headers } = (await stage.deadLetter(stage.queue('Till.paid'))).properties;
    expect(headers?.['outbox-error-type']).toBe('ForbiddenException');
    expect(headers?.['outbox-error-message']).toMatch(
      /^Forbidden resource \(by the global guard StrictGuard; /,
    );
  });

  test('leave no hint when it was the handler’s own guard that refused', async () => {
    @Injectable()
    @UseGuards(guard('own', () => false))
    class Guarded {
      @OnEvent('guarded')
      handle(): void {}
    }
    await start(undefined, Guarded, { provide: APP_GUARD, useClass: guard('Patient') });
    await stage.publish('guarded');
    const { headers } = (await stage.deadLetter(stage.queue('Guarded.handle'))).properties;
    expect(headers?.['outbox-error-message']).toBe('Forbidden resource');
  });
});
