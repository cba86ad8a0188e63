import {
  Catch,
  Controller,
  Inject,
  Injectable,
  Scope,
  UseGuards,
  ValidationPipe,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, REQUEST } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { IsInt } from 'class-validator';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { throwError, type Observable } from 'rxjs';
import { eventually } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

const trace: string[] = [];

class Amount {
  @IsInt()
  cents!: number;
}

function handlers() {
  class Till {
    @OnEvent('paid', { retry: false })
    paid(@Payload() { cents }: Amount): void {
      trace.push(`handler ${cents}`);
      if (cents < 0) throw new Error('negative');
    }
  }
  return Till;
}

@Injectable()
class ProviderTill extends handlers() {}

@Controller()
class ControllerTill extends handlers() {}

@Injectable()
class GlobalGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    trace.push(`guard ${context.getType()}`);
    return context.switchToRpc().getData<Amount>().cents !== 13;
  }
}

@Injectable()
class GlobalInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    trace.push('interceptor');
    return next.handle();
  }
}

@Catch()
class GlobalFilter implements ExceptionFilter {
  catch(error: Error): Observable<never> {
    trace.push(`filter ${error.message}`);
    return throwError(() => 'something generic');
  }
}

@Injectable({ scope: Scope.REQUEST })
class ScopedGuard implements CanActivate {
  private readonly made = 'made';

  constructor(@Inject(REQUEST) private readonly context: EventContext) {}

  canActivate(): boolean {
    trace.push(`scoped guard ${this.made} for ${this.context.id}`);
    return true;
  }
}

@Injectable({ scope: Scope.TRANSIENT })
class TransientGuard implements CanActivate {
  private readonly made = 'made';

  canActivate(): boolean {
    trace.push(`transient guard ${this.made}`);
    return true;
  }
}

@Injectable()
@UseGuards(ScopedGuard, TransientGuard)
class GuardedTill {
  @OnEvent('paid')
  paid(): void {
    trace.push('handler');
  }
}

describe('enhancers', () => {
  let stage: Stage;

  beforeEach(async () => {
    trace.length = 0;
    stage = await openStage();
  });

  afterEach(() => stage.close());

  describe.each([
    ['a provider', { providers: [ProviderTill] }, 'ProviderTill.paid'],
    ['a controller', { controllers: [ControllerTill] }, 'ControllerTill.paid'],
  ])('of the whole application apply to %s', (_what, registered, handler) => {
    const start = (...enhancers: object[]) =>
      stage.start({
        ...registered,
        providers: [...('providers' in registered ? registered.providers : []), ...enhancers] as never,
      });

    test('APP_GUARD, APP_INTERCEPTOR, APP_PIPE and APP_FILTER, in Nest’s order', async () => {
      await start(
        { provide: APP_GUARD, useClass: GlobalGuard },
        { provide: APP_INTERCEPTOR, useClass: GlobalInterceptor },
        { provide: APP_PIPE, useValue: new ValidationPipe({ transform: true }) },
        { provide: APP_FILTER, useClass: GlobalFilter },
      );
      await stage.publish('paid', { cents: -1 });
      await stage.deadLetter(stage.queue(handler));
      expect(trace).toEqual(['guard rpc', 'interceptor', 'handler -1', 'filter negative']);
      await stage.publish('paid', { cents: 'a few' });
      const letter = await stage.deadLetter(stage.queue(handler));
      expect(letter.properties.headers?.['outbox-error-type']).toBe('BadRequestException');
      await stage.publish('paid', { cents: 13 });
      const refused = await stage.deadLetter(stage.queue(handler));
      expect(refused.properties.headers?.['outbox-error-type']).toBe('ForbiddenException');
    });

    test('a request-scoped APP_GUARD, made anew for each event', async () => {
      await start({ provide: APP_GUARD, useClass: ScopedGuard });
      const one = await stage.publish('paid', { cents: 1 });
      const two = await stage.publish('paid', { cents: 2 });
      await eventually(() => trace.filter((line) => line.startsWith('handler')).length === 2);
      expect(trace).toContain(`scoped guard made for ${one}`);
      expect(trace).toContain(`scoped guard made for ${two}`);
    });
  });

  test('of a handler can be request-scoped and transient, too', async () => {
    await stage.start({ providers: [GuardedTill] });
    const id = await stage.publish('paid');
    await eventually(() => trace.includes('handler'));
    expect(trace).toEqual([`scoped guard made for ${id}`, 'transient guard made', 'handler']);
  });
});
