import {
  ArgumentsHost,
  Catch,
  Controller,
  Injectable,
  NotFoundException,
  UseFilters,
  UsePipes,
  ValidationPipe,
  type ExceptionFilter,
} from '@nestjs/common';
import { BaseRpcExceptionFilter, Payload, RpcException } from '@nestjs/microservices';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { IsString } from 'class-validator';
import { Abort, EventContext, OnEvent, Reject, Retry } from 'nestjs-rabbitmq-outbox';
import { of, throwError, type Observable } from 'rxjs';
import { fateOf, Scripted, type Behaviour, type Fate } from './fate.js';
import { openStage, type Stage } from './stage.js';

const caught: unknown[] = [];

@Catch(TypeError)
class Forgiving implements ExceptionFilter {
  catch(error: TypeError, host: ArgumentsHost): string {
    caught.push([error.message, host.getType(), host.switchToRpc().getContext<EventContext>().type]);
    return 'forgiven';
  }
}

@Catch(TypeError)
class ForgivingLater implements ExceptionFilter {
  async catch(): Promise<void> {
    await Promise.resolve();
  }
}

@Catch(TypeError)
class ForgivingStream implements ExceptionFilter {
  catch(): Observable<string> {
    return of('forgiven');
  }
}

@Catch()
class Silent implements ExceptionFilter {
  catch(error: unknown): void {
    caught.push(error);
  }
}

@Catch()
class CatchAll extends BaseRpcExceptionFilter {
  override catch(error: RpcException, host: ArgumentsHost): Observable<unknown> {
    caught.push(error);
    // oxlint-disable-next-line promise/valid-params -- no promise's catch
    return super.catch(error, host);
  }
}

@Catch()
class Translating implements ExceptionFilter {
  catch(): never {
    throw new NotFoundException('the filter’s error, not the handler’s');
  }
}

@Catch()
class TranslatingLater implements ExceptionFilter {
  async catch(): Promise<never> {
    await Promise.resolve();
    throw new NotFoundException();
  }
}

@Catch()
class Broken implements ExceptionFilter {
  catch(_error: unknown, host: ArgumentsHost): unknown {
    // What a filter written for HTTP does.
    return host.switchToHttp().getResponse<{ status(code: number): unknown }>().status(500);
  }
}

@Injectable()
class Ledger {
  readonly entries: unknown[] = [];
}

@Catch()
@Injectable()
class Needy implements ExceptionFilter {
  constructor(private readonly ledger: Ledger) {}

  catch(error: unknown): Observable<never> {
    this.ledger.entries.push(error);
    return throwError(() => 'something generic');
  }
}
class Note {
  @IsString()
  text!: string;
}

const Once = { prefetch: 1, retry: ['1h'] };

function handlers() {
  class Desk extends Scripted {
    @OnEvent('forgiving', Once)
    @UseFilters(Forgiving)
    forgiving(_payload: unknown, context: EventContext): unknown {
      return this.act(context);
    }

    @OnEvent('later', Once)
    @UseFilters(ForgivingLater)
    later(_payload: unknown, context: EventContext): unknown {
      return this.act(context);
    }

    @OnEvent('stream', Once)
    @UseFilters(new ForgivingStream())
    stream(_payload: unknown, context: EventContext): unknown {
      return this.act(context);
    }

    @OnEvent('silent', Once)
    @UseFilters(Silent)
    silent(_payload: unknown, context: EventContext): unknown {
      return this.act(context);
    }

    @OnEvent('all', Once)
    @UseFilters(CatchAll)
    all(_payload: unknown, context: EventContext): unknown {
      return this.act(context);
    }

    @OnEvent('validated', Once)
    @UseFilters(CatchAll)
    @UsePipes(new ValidationPipe())
    validated(@Payload() _note: Note): void {}

    @OnEvent('translating', Once)
    @UseFilters(Translating)
    translating(_payload: unknown, context: EventContext): unknown {
      return this.act(context);
    }

    @OnEvent('rejecting', Once)
    @UseFilters(TranslatingLater)
    rejecting(_payload: unknown, context: EventContext): unknown {
      return this.act(context);
    }

    @OnEvent('broken', Once)
    @UseFilters(Broken)
    broken(_payload: unknown, context: EventContext): unknown {
      return this.act(context);
    }

    @OnEvent('needy', Once)
    @UseFilters(Needy)
    needy(_payload: unknown, context: EventContext): unknown {
      return this.act(context);
    }
  }
  return Desk;
}

@Injectable()
class ProviderDesk extends handlers() {}

@Controller()
class ControllerDesk extends handlers() {}

const throwing =
  (error: unknown): Behaviour =>
  () => {
    throw error;
  };

describe.each([
  ['a provider', ProviderDesk, { providers: [ProviderDesk] }],
  ['a controller', ControllerDesk, { controllers: [ControllerDesk] }],
])('an exception filter of %s', (_what, Desk, registered) => {
  let stage: Stage;
  let desk: InstanceType<typeof Desk>;
  let ledger: Ledger;

  beforeAll(async () => {
    stage = await openStage();
    const providers = [Ledger, ...('providers' in registered ? registered.providers : [])];
    const { app } = await stage.start({ ...registered, providers });
    desk = app.get<InstanceType<typeof Desk>>(Desk);
    ledger = app.get(Ledger);
  });

  afterAll(() => stage?.close());

  const fate = (type: string, error: unknown): Promise<Fate> => {
    caught.length = 0;
    return fateOf(stage, desk, { type, handler: `${Desk.name}.${type}`, behaviour: throwing(error) });
  };

  const errorOf = ({ copy }: Fate) => copy?.properties.headers?.['outbox-error-type'] as unknown;

  test.each([
    ['a value', 'forgiving'],
    ['a promise of nothing', 'later'],
    ['an Observable', 'stream'],
  ])('that returns %s has dealt with the error', async (_value, type) => {
    expect((await fate(type, new TypeError('x'))).outcome).toBe('done');
  });

  test('is called with the error, and with the event in context type rpc', async () => {
    await fate('forgiving', new TypeError('x'));
    expect(caught).toEqual([['x', 'rpc', 'forgiving']]);
  });

  test('is not asked about errors it does not catch', async () => {
    expect((await fate('forgiving', new RangeError('x'))).outcome).toBe('retry 1h');
    expect((await fate('forgiving', new Reject('x'))).outcome).toBe('dead');
    expect(caught).toEqual([]);
  });

  test('that returns nothing has only looked: the error decides', async () => {
    expect((await fate('silent', new Error('x'))).outcome).toBe('retry 1h');
    expect((await fate('silent', new Reject('x'))).outcome).toBe('dead');
    expect(caught).toHaveLength(1);
  });

  test.each([
    ['an Error', new Error('x'), 'retry 1h'],
    ['a 404', new NotFoundException(), 'dead'],
    ['a Reject', new Reject(), 'dead'],
    ['an Abort', new Abort(), 'done'],
    ['a Retry', new Retry('again', { delay: '1h' }), 'retry 1h'],
  ])('that passes %s on as a failing Observable leaves it to decide', async (_error, error, outcome) => {
    expect((await fate('all', error)).outcome).toBe(outcome);
    expect(caught).toEqual([error]);
  });

  test('that catches all does not hide a validation error: the event is a dead letter at once, with it', async () => {
    caught.length = 0;
    await stage.publish('validated', { text: 7 });
    const { headers } = (await stage.deadLetter(stage.queue(`${Desk.name}.validated`))).properties;
    expect(headers).toMatchObject({ 'outbox-error-type': 'BadRequestException', 'outbox-attempt': 1 });
    expect(caught).toHaveLength(1);
  });

  test.each([
    ['throws', 'translating'],
    ['rejects', 'rejecting'],
    ['was written for HTTP and breaks', 'broken'],
  ])('that %s does not decide: the handler’s error does', async (_how, type) => {
    expect((await fate(type, new Error('x'))).outcome).toBe('retry 1h');
    const dead = await fate(type, new Reject('x'));
    expect(dead.outcome).toBe('dead');
    expect(errorOf(dead)).toBe('Reject');
  });

  test('is made by Nest, with what it injects', async () => {
    const error = new Error('for the ledger');
    expect((await fate('needy', error)).outcome).toBe('retry 1h');
    expect(ledger.entries).toEqual([error]);
  });
});
