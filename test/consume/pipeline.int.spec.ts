import {
  Controller,
  createParamDecorator,
  Injectable,
  ParseIntPipe,
  SetMetadata,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { IsInt, IsString, Min } from 'class-validator';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { EMPTY, map, tap, type Observable } from 'rxjs';
import { eventually } from '../support/outbox-app.js';
import { fateOf, Scripted, type Attempt } from './fate.js';
import { openStage, type Stage } from './stage.js';

const trace: string[] = [];
const RetryNothing = { prefetch: 1, retry: ['1h'] } as const;
const Public = SetMetadata('public', true);

@Injectable()
class Clock {
  readonly hour = 12;
}

@Injectable()
class Doorkeeper implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly clock: Clock,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const { customer } = context.switchToRpc().getData<{ customer?: string }>();
    const isPublic = this.reflector.getAllAndOverride<boolean>('public', [
      context.getHandler(),
      context.getClass(),
    ]);
    trace.push(`guard ${context.getType()} ${context.getClass().name}.${context.getHandler().name}`);
    return isPublic || (customer === 'known' && this.clock.hour === 12);
  }
}

@Injectable()
class Stopwatch implements NestInterceptor {
  constructor(private readonly clock: Clock) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { type } = context.switchToRpc().getContext<EventContext>();
    trace.push(`before ${type} at ${this.clock.hour}`);
    return next.handle().pipe(
      tap(() => trace.push('after')),
      map((value) => value as unknown),
    );
  }
}

class Skipper implements NestInterceptor {
  intercept(context: ExecutionContext): Observable<never> {
    trace.push(`skipped ${context.switchToRpc().getContext<EventContext>().id}`);
    return EMPTY;
  }
}

class Doubling implements PipeTransform<number, number> {
  transform(value: number): number {
    return value * 2;
  }
}

class Order {
  @IsString()
  id!: string;

  @IsInt()
  @Min(1)
  quantity!: number;

  get label(): string {
    return `${this.quantity} × ${this.id}`;
  }
}

const Routing = createParamDecorator((data: string, context: ExecutionContext) => {
  const { routingKey } = context.switchToRpc().getContext<EventContext>();
  return `${data} ${routingKey} ${context.getType()}`;
});

function handlers() {
  class Shop extends Scripted {
    @OnEvent('guarded', RetryNothing)
    @UseGuards(Doorkeeper)
    guarded(payload: unknown, context: EventContext): unknown {
      return this.act(context, [payload]);
    }

    @Public
    @OnEvent('open', RetryNothing)
    @UseGuards(Doorkeeper)
    open(payload: unknown, context: EventContext): unknown {
      return this.act(context, [payload]);
    }

    @OnEvent('timed', RetryNothing)
    @UseInterceptors(Stopwatch)
    timed(payload: unknown, context: EventContext): unknown {
      return this.act(context, [payload]);
    }

    @OnEvent('skipped', RetryNothing)
    @UseInterceptors(Skipper)
    skipped(payload: unknown, context: EventContext): unknown {
      return this.act(context, [payload]);
    }

    @OnEvent('validated', RetryNothing)
    validated(
      @Payload(new ValidationPipe({ transform: true })) order: Order,
      @Ctx() context: EventContext,
    ): unknown {
      return this.act(context, [order]);
    }

    @OnEvent('checked', RetryNothing)
    @UsePipes(new ValidationPipe({ transform: true, whitelist: true }))
    checked(@Ctx() context: EventContext, @Payload() order: Order): unknown {
      return this.act(context, [order]);
    }

    @OnEvent('parts', RetryNothing)
    parts(
      @Payload('id') id: string,
      @Payload('quantity', ParseIntPipe, Doubling) quantity: number,
      @Payload('missing') missing: unknown,
      @Routing('for') routing: string,
      @Ctx() context: EventContext,
    ): unknown {
      return this.act(context, [id, quantity, missing, routing]);
    }

    @OnEvent('plain', RetryNothing)
    plain(...given: [unknown, EventContext]): unknown {
      return this.act(given[1], given);
    }
  }
  return Shop;
}

@Injectable()
class ProviderShop extends handlers() {}

@Controller()
class ControllerShop extends handlers() {}

/** What gets through to each handler. */
const GOOD = {
  guarded: { customer: 'known' },
  open: {},
  timed: {},
  validated: { id: 'a', quantity: 1 },
  checked: { id: 'a', quantity: 1 },
  parts: { id: 'a', quantity: '1' },
  plain: {},
};

describe.each([
  ['a provider', ProviderShop, { providers: [ProviderShop] }],
  ['a controller', ControllerShop, { controllers: [ControllerShop] }],
])('Nest’s pipeline on %s', (_what, Shop, registered) => {
  let stage: Stage;
  let shop: InstanceType<typeof Shop>;

  beforeAll(async () => {
    stage = await openStage();
    const providers = [Clock, ...('providers' in registered ? registered.providers : [])];
    const { app } = await stage.start({ ...registered, providers });
    shop = app.get<InstanceType<typeof Shop>>(Shop);
  });

  afterAll(() => stage?.close());

  /** What became of an event, and what its handler was called with, if it was. */
  async function handle(type: keyof typeof GOOD, payload: unknown) {
    trace.length = 0;
    let called: unknown;
    const attempt: Attempt = {
      type,
      payload,
      goodPayload: GOOD[type],
      handler: `${Shop.name}.${type}`,
      behaviour: (_context, args) => {
        called = args;
        return 'a value';
      },
    };
    const { outcome, copy } = await fateOf(stage, shop, attempt);
    return { outcome, called, headers: copy?.properties.headers };
  }

  test('a guard that lets the event in is called with what it needs, in context type rpc', async () => {
    const { outcome, called } = await handle('guarded', { customer: 'known' });
    expect(outcome).toBe('done');
    expect(called).toEqual([{ customer: 'known' }]);
    expect(trace[0]).toBe(`guard rpc ${Shop.name}.guarded`);
  });

  test('a guard that refuses the event makes it a dead letter at once', async () => {
    const { outcome, called, headers } = await handle('guarded', { customer: 'stranger' });
    expect(outcome).toBe('dead');
    expect(called).toBeUndefined();
    expect(headers).toMatchObject({ 'outbox-error-type': 'ForbiddenException', 'outbox-attempt': 1 });
  });

  test('a guard sees the metadata of the handler', async () => {
    expect((await handle('open', { customer: 'stranger' })).outcome).toBe('done');
  });

  test('an interceptor runs before and after the handler', async () => {
    expect((await handle('timed', {})).outcome).toBe('done');
    expect(trace.slice(0, 2)).toEqual(['before timed at 12', 'after']);
  });

  test('an interceptor that completes without a value has dealt with the event', async () => {
    await stage.publish('skipped');
    const second = await stage.publish('skipped');
    await eventually(() => trace.includes(`skipped ${second}`));
    expect(await stage.take(`${stage.playground.name}.retry.1h`)).toBeUndefined();
    expect(await stage.take(`${stage.queue(`${Shop.name}.skipped`)}.dlq`)).toBeUndefined();
  });

  test('a payload that passes ValidationPipe arrives as an instance of its class', async () => {
    const { called } = await handle('validated', { id: 'a', quantity: 2 });
    const [order] = called as [Order];
    expect(order).toBeInstanceOf(Order);
    expect(order.label).toBe('2 × a');
  });

  test('a payload that does not pass makes the event a dead letter at once', async () => {
    const { outcome, called, headers } = await handle('validated', { id: 'a', quantity: 0 });
    expect(outcome).toBe('dead');
    expect(called).toBeUndefined();
    expect(headers).toMatchObject({
      'outbox-error-type': 'BadRequestException',
      'outbox-error-message': 'Bad Request Exception: quantity must not be less than 1',
      'outbox-attempt': 1,
    });
  });

  test('pipes of the method apply to the payload, and leave the context alone', async () => {
    const { called } = await handle('checked', { id: 'a', quantity: 2, more: true });
    expect(called).toEqual([Object.assign(new Order(), { id: 'a', quantity: 2 })]);
    expect((await handle('checked', { id: 7 })).outcome).toBe('dead');
  });

  test('@Payload(property), its pipes, a param decorator of one’s own and @Ctx() fill their places', async () => {
    const { called } = await handle('parts', { id: 'a', quantity: '21' });
    expect(called).toEqual(['a', 42, undefined, 'for parts rpc']);
    expect((await handle('parts', { id: 'a', quantity: 'many' })).outcome).toBe('dead');
  });

  test.each([
    ['null', null],
    ['a string', 'text'],
    ['a number', 7],
    ['a list', [1, 2]],
  ])('@Payload(property) of %s is undefined, not an error of ours', async (_kind, payload) => {
    const { outcome, headers } = await handle('parts', payload);
    expect(outcome).toBe('dead');
    expect(headers?.['outbox-error-message']).toMatch(/numeric string is expected/);
  });

  test('without param decorators a method is called with the payload and the context', async () => {
    const { called } = await handle('plain', { any: ['thing'] });
    expect(called).toEqual([{ any: ['thing'] }, expect.any(EventContext)]);
  });
});
