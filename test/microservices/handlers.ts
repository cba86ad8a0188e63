import {
  Catch,
  Controller,
  ForbiddenException,
  Inject,
  Injectable,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  ValidationPipe,
  type ArgumentsHost,
  type BeforeApplicationShutdown,
  type CallHandler,
  type CanActivate,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException, Transport } from '@nestjs/microservices';
import { IsInt } from 'class-validator';
import { Abort, EventContext, OnEvent, Reject, Retry } from 'nestjs-rabbitmq-outbox';
import { OUTBOX_TRANSPORT } from 'nestjs-rabbitmq-outbox/microservices';
import { of, throwError, type Observable } from 'rxjs';
import { gate } from '../consume/stage.js';

export interface Call {
  readonly handler: string;
  readonly payload: unknown;
  readonly context?: EventContext | undefined;
}

/** What the handlers of all apps of this file were called with. */
export const calls: Call[] = [];
export const noted = (handler: string, payload: unknown, context?: unknown): void =>
  void calls.push({ handler, payload, context: context as EventContext });

class Amount {
  @IsInt()
  cents!: number;
}

@Injectable()
class Strict implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Injectable()
class Forbidding implements CanActivate {
  canActivate(): boolean {
    throw new ForbiddenException('not for you');
  }
}

@Injectable()
class Translating implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle();
  }
}

@Catch(RangeError)
class Forgiving implements ExceptionFilter {
  catch(_error: RangeError, host: ArgumentsHost): Observable<string> {
    noted('forgiven', host.switchToRpc().getData());
    return of('all is well');
  }
}

@Catch()
class Grumbling implements ExceptionFilter {
  catch(): Observable<never> {
    return throwError(() => ({ status: 'error', message: 'something' }));
  }
}

const once = { retry: false };

@Controller()
export class Events {
  @EventPattern('plain')
  plain(payload: unknown): void {
    noted('plain', payload);
  }

  @EventPattern(['wild.*', '#.end'])
  wild(@Payload() payload: unknown, @Ctx() context: unknown): void {
    noted('wild', payload, context);
  }

  @EventPattern('many', { retry: ['100ms', '100ms'], prefetch: 5, other: 'transport' })
  async failing(@Payload() payload: unknown, @Ctx() context: unknown): Promise<void> {
    noted('failing', payload, context);
    await Promise.resolve();
    throw new TypeError('not this time');
  }

  @EventPattern('observable', once)
  observable(@Payload() payload: unknown): Observable<never> {
    noted('observable', payload);
    return throwError(() => new TypeError('in a stream'));
  }

  @EventPattern('signal', { retry: ['1h'] })
  signal(@Payload('what') what: string): void {
    if (what === 'reject') throw new Reject('never');
    if (what === 'abort') throw new Abort();
    if (what === 'retry') throw new Retry('later', { delay: '2h' });
    throw new RpcException('rpc');
  }

  @EventPattern('checked', once)
  checked(@Payload(new ValidationPipe()) amount: Amount): void {
    noted('checked', amount);
  }

  @EventPattern('guarded', once)
  @UseGuards(Strict)
  guarded(_payload: unknown): void {
    noted('guarded', undefined);
  }

  @EventPattern('forbidden', { retry: ['1h'] })
  @UseGuards(Forbidding)
  forbidden(_payload: unknown): void {
    noted('forbidden', undefined);
  }

  @EventPattern('filtered', once)
  @UseFilters(Grumbling, Forgiving)
  @UseInterceptors(Translating)
  filtered(@Payload('what') what: string): void {
    if (what === 'forgive') throw new RangeError('forgive me');
    throw new SyntaxError('grumble');
  }

  @EventPattern('kept', { inbox: true, prefetch: 1 })
  kept(_payload: unknown, @Ctx() context: unknown): void {
    const { manager } = context as EventContext;
    noted('kept', manager.queryRunner?.isTransactionActive, context);
  }

  @EventPattern('ours', OUTBOX_TRANSPORT)
  ours(payload: unknown): void {
    noted('ours', payload);
  }

  @EventPattern('theirs', Transport.TCP)
  theirs(_payload: unknown): void {}

  @EventPattern({ cmd: 'object' })
  object(_payload: unknown): void {}

  @MessagePattern('request')
  request(): number {
    return 1;
  }

  @OnEvent('beside')
  beside(payload: unknown): void {
    noted('beside', payload);
  }
}

@Controller({ scope: Scope.REQUEST })
export class Scoped {
  private static made = 0;
  private readonly number = ++Scoped.made;

  constructor(@Inject(REQUEST) private readonly request: { data: unknown; context: EventContext }) {}

  @EventPattern('scoped', { retry: false })
  handle(@Payload() payload: unknown, @Ctx() context: unknown): void {
    noted('scoped', { number: this.number, same: this.request.context === context, payload }, context);
    if ((payload as { fail?: boolean }).fail) throw new RangeError('scoped failure');
  }
}

abstract class Base {
  @EventPattern('inherited')
  inherited(payload: unknown): void {
    noted(this.constructor.name, payload);
  }
}

@Controller()
export class North extends Base {}

@Controller()
export class South extends Base {}

@Controller()
export class Boss {
  @EventPattern('boss')
  handle(payload: unknown): void {
    noted('boss', payload);
  }
}

export function Wrong(): Type {
  @Controller()
  class Wrong {
    @EventPattern('wrong', { prefetch: 0 })
    handle(_payload: unknown): void {}
  }
  return Wrong;
}

export function Unknown(): Type {
  @Controller()
  class Unknown {
    @EventPattern('unknown', OUTBOX_TRANSPORT, { prefech: 3 })
    handle(_payload: unknown): void {}
  }
  return Unknown;
}

export function Clash(queue: string): Type {
  @Controller()
  class Clash {
    @OnEvent('clash.first', { queue })
    first(): void {}

    @EventPattern('clash.second', { queue })
    second(_payload: unknown): void {}
  }
  return Clash;
}

@Controller()
export class Slow implements BeforeApplicationShutdown {
  readonly released = gate();
  /** From here on nothing new may start. */
  readonly cancelled = gate();

  beforeApplicationShutdown(): void {
    this.cancelled.open();
  }

  @EventPattern('slow')
  async handle(_payload: unknown): Promise<void> {
    noted('slow begins', undefined);
    await this.released.opened;
    noted('slow ends', undefined);
  }
}
