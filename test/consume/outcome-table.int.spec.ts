import {
  BadRequestException,
  Catch,
  Injectable,
  UseFilters,
  UseInterceptors,
  type CallHandler,
  type ExceptionFilter,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  Abort,
  OnEvent,
  Reject,
  Retry,
  type EventContext,
  type OnEventOptions,
} from 'nestjs-rabbitmq-outbox';
import { catchError, of, throwError, type Observable } from 'rxjs';
import { fateOf, Scripted, type Behaviour } from './fate.js';
import { openStage, type Stage } from './stage.js';

/** Looks at errors, and lets them be. */
@Injectable()
class Watching implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(catchError((error: unknown) => throwError(() => error)));
  }
}

/** Has an answer to every error. */
@Injectable()
class Recovering implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(catchError(() => of('recovered')));
  }
}

@Catch()
class PassingOn implements ExceptionFilter {
  catch(error: unknown): Observable<never> {
    return throwError(() => error);
  }
}

@Catch()
class Looking implements ExceptionFilter {
  catch(): void {}
}

class Refused extends Error {}

/** Each row has the queue of the options that it is about. */
const ROWS = ['usual', 'off', 'slow'] as const;
type Row = (typeof ROWS)[number];

const options = (row: Row, inbox: boolean): OnEventOptions => ({
  inbox,
  prefetch: 1,
  retry: row === 'off' ? false : { delays: ['1h'], retryIf: (error) => !(error instanceof Refused) },
  ...(row === 'slow' && { timeout: '100ms' }),
});

/** A handler for each row, with and without an inbox. */
function handlers() {
  @Injectable()
  class Handlers extends Scripted {
    handle(_payload: unknown, context: EventContext): unknown {
      return this.act(context);
    }
  }
  return Handlers;
}

function decorated(variant: (prototype: object, method: string, descriptor: PropertyDescriptor) => void) {
  const Handlers = handlers();
  for (const row of ROWS)
    for (const inbox of [false, true]) {
      const method = `${row}${inbox ? 'Inbox' : ''}`;
      const descriptor = {
        configurable: true,
        writable: true,
        value(this: InstanceType<typeof Handlers>, payload: unknown, context: EventContext) {
          return this.handle(payload, context);
        },
      };
      Object.defineProperty(Handlers.prototype, method, descriptor);
      variant(Handlers.prototype, method, descriptor);
      OnEvent(method, options(row, inbox))(Handlers.prototype, method, descriptor);
    }
  return Handlers;
}

const VARIANTS: Array<[string, ReturnType<typeof handlers>, recovers?: boolean]> = [
  ['by itself', decorated(() => undefined)],
  ['with an interceptor that looks at errors', decorated(UseInterceptors(Watching))],
  ['with a filter that passes errors on', decorated(UseFilters(PassingOn))],
  ['with a filter that returns nothing', decorated(UseFilters(Looking))],
  ['with an interceptor that has an answer to errors', decorated(UseInterceptors(Recovering)), true],
];

const validation = Object.assign(new Error('wrong'), { name: 'ValidationError' });

interface Case {
  readonly what: string;
  readonly row: Row;
  /** `undefined`: it returns. */
  readonly error?: Error;
  readonly attempt?: number;
  readonly outcome: string;
}

const CASES: readonly Case[] = [
  { what: 'returns', row: 'usual', outcome: 'done' },
  { what: 'throws an Abort', row: 'usual', error: new Abort(), outcome: 'done' },
  { what: 'throws a Reject', row: 'usual', error: new Reject(), outcome: 'dead' },
  { what: 'throws a validation error', row: 'usual', error: validation, outcome: 'dead' },
  { what: 'throws a 4xx', row: 'usual', error: new BadRequestException(), outcome: 'dead' },
  { what: 'throws what retryIf refuses', row: 'usual', error: new Refused(), outcome: 'dead' },
  { what: 'throws a Retry', row: 'off', error: new Retry('x', { delay: '1h' }), outcome: 'retry 1h' },
  { what: 'throws anything else', row: 'usual', error: new Error('x'), outcome: 'retry 1h' },
  { what: 'throws for the last time', row: 'usual', error: new Error('x'), attempt: 2, outcome: 'dead' },
];

/** Both ways to write it. */
const HOW: Array<[string, (error: Error | undefined) => Behaviour]> = [
  [
    'synchronous',
    (error) => () => {
      if (error) throw error;
    },
  ],
  [
    'asynchronous',
    (error) => async () => {
      await new Promise(setImmediate);
      if (error) throw error;
    },
  ],
];

describe.each(VARIANTS)('the table of outcomes, of a handler %s:', (_variant, Handlers, recovers = false) => {
  let stage: Stage;
  let worker: InstanceType<typeof Handlers>;

  beforeAll(async () => {
    stage = await openStage();
    const { app } = await stage.start({ providers: [Handlers] });
    worker = app.get<InstanceType<typeof Handlers>>(Handlers);
  });

  afterAll(() => stage?.close());

  const fate = async (method: string, behaviour: Behaviour, attempt = 1) => {
    const given = { type: method, handler: `Handlers.${method}`, behaviour, attempt };
    return (await fateOf(stage, worker, given)).outcome;
  };

  describe.each([
    ['without', ''],
    ['with', 'Inbox'],
  ])('%s an inbox,', (_with, suffix) => {
    describe.each(HOW)('%s,', (_how, behaving) => {
      test.each(CASES)('$what: $outcome', async ({ row, error, attempt, outcome }) => {
        const expected = recovers ? 'done' : outcome;
        expect(await fate(`${row}${suffix}`, behaving(error), attempt)).toBe(expected);
      });
    });

    test('runs past its timeout: it is retried', async () => {
      const late: Behaviour = ({ signal }) =>
        new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      expect(await fate(`slow${suffix}`, late)).toBe('retry 1h');
    });
  });
});
