import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  Injectable,
  InternalServerErrorException,
} from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ValidationError } from 'class-validator';
import { Abort, EventContext, OnEvent, Reject, Retry } from 'nestjs-rabbitmq-outbox';
import { EMPTY, of, throwError } from 'rxjs';
import { z } from 'zod';
import { fateOf, Scripted, type Behaviour, type Fate } from './fate.js';
import { openStage, type Stage } from './stage.js';

@Injectable()
class Worker extends Scripted {
  @OnEvent('global.*', { prefetch: 1 })
  global(_payload: unknown, context: EventContext): unknown {
    return this.act(context);
  }

  @OnEvent('own.*', { prefetch: 1, retry: ['2h', '3h'] })
  own(_payload: unknown, context: EventContext): unknown {
    return this.act(context);
  }

  @OnEvent('rule.*', {
    prefetch: 1,
    retry: { attempts: 3, backoff: { delay: '1h', factor: 3, maxDelay: '12h' } },
  })
  rule(_payload: unknown, context: EventContext): unknown {
    return this.act(context);
  }

  @OnEvent('once.*', { prefetch: 1, retry: false })
  once(_payload: unknown, context: EventContext): unknown {
    return this.act(context);
  }

  @OnEvent('picky.*', {
    prefetch: 1,
    retry: { delays: ['1h'], retryIf: (error) => !(error instanceof TypeError) },
  })
  picky(_payload: unknown, context: EventContext): unknown {
    return this.act(context);
  }

  @OnEvent('broken.*', { prefetch: 1, retry: { delays: ['1h'], retryIf: brokenRule } })
  broken(_payload: unknown, context: EventContext): unknown {
    return this.act(context);
  }
}

function brokenRule(): boolean {
  throw new Error('retryIf is broken');
}

const throwing =
  (error: unknown): Behaviour =>
  () => {
    throw error;
  };

const rejecting =
  (error: unknown): Behaviour =>
  async () => {
    await Promise.resolve();
    throw error;
  };

/** Both ways a handler can fail. */
const HOW: Array<[string, (error: unknown) => Behaviour]> = [
  ['throws', throwing],
  ['rejects with', rejecting],
  ['returns an Observable that fails with', (error) => () => throwError(() => error)],
  ['resolves to an Observable that fails with', (error) => async () => throwError(() => error)],
];

describe('what becomes of an event', () => {
  let stage: Stage;
  let worker: Worker;

  beforeAll(async () => {
    stage = await openStage();
    const options = { consumers: { retry: ['1h', '2h'] } };
    const { app } = await stage.start({ providers: [Worker], options });
    worker = app.get(Worker);
  });

  afterAll(() => stage?.close());

  const fate = (handler: string, behaviour: Behaviour, attempt = 1): Promise<Fate> =>
    fateOf(stage, worker, {
      type: `${handler}.thing`,
      handler: `Worker.${handler}`,
      behaviour,
      attempt,
      delays: ['1h', '2h', '3h', '12h', '30d'],
    });

  test.each<[string, Behaviour]>([
    ['nothing', () => undefined],
    ['a value', () => 'done'],
    ['a promise', () => Promise.resolve({ done: true })],
    ['false', () => false],
    ['an Error it does not throw', () => new Error('returned, not thrown')],
    ['an Observable', () => of(1, 2)],
    ['an Observable of nothing', () => EMPTY],
  ])('is done with when its handler returns %s', async (_what, behaviour) => {
    expect((await fate('own', behaviour)).outcome).toBe('done');
  });

  describe.each(HOW)('when its handler %s', (_how, fail) => {
    test.each([
      ['an Error', new Error('no')],
      ['a TypeError', new TypeError('no')],
      ['a 5xx HttpException', new InternalServerErrorException()],
      ['an HttpException of no known status', new HttpException('no', 999)],
      ['an RpcException', new RpcException('no')],
      ['an empty list, which is no list of validation errors', []],
    ])('%s, it is retried', async (_what, error) => {
      expect((await fate('global', fail(error))).outcome).toBe('retry 1h');
    });

    test.each([
      ['a Reject', new Reject('never')],
      ['a 400', new BadRequestException()],
      ['a 403', new ForbiddenException()],
      ['any 4xx', new HttpException('odd', 499)],
      [
        'class-validator’s errors',
        [Object.assign(new ValidationError(), { property: 'id', constraints: {} })],
      ],
      ['zod’s error', z.string().safeParse(1).error],
      ['an error named ValidationError', Object.assign(new Error('no'), { name: 'ValidationError' })],
    ])('%s, it is a dead letter at once', async (_what, error) => {
      expect((await fate('global', fail(error))).outcome).toBe('dead');
    });

    test('an Abort, it is dropped for good', async () => {
      expect((await fate('global', fail(new Abort()))).outcome).toBe('done');
    });

    test('a Retry, it is retried even when retrying is off, and after the delay it names', async () => {
      const retry = new Retry('later', { delay: '6h30m' });
      expect((await fate('once', fail(retry))).outcome).toBe('retry 12h');
    });
  });

  test.each([
    ['the module’s list', 'global', ['retry 1h', 'retry 2h', 'dead']],
    ['its handler’s own list', 'own', ['retry 2h', 'retry 3h', 'dead']],
    ['its handler’s rule', 'rule', ['retry 1h', 'retry 3h', 'dead']],
    ['no retries', 'once', ['dead']],
  ])('that keeps failing follows %s, and is then a dead letter', async (_what, handler, outcomes) => {
    const seen: string[] = [];
    for (let attempt = 1; attempt <= outcomes.length; attempt++)
      seen.push((await fate(handler, throwing(new Error('no')), attempt)).outcome);
    expect(seen).toEqual(outcomes);
  });

  test('that was tried more often than its handler now allows is a dead letter at the next failure', async () => {
    expect((await fate('own', throwing(new Error('no')), 9)).outcome).toBe('dead');
  });

  test('is a dead letter at once when retryIf refuses the error, and retried when it does not', async () => {
    expect((await fate('picky', throwing(new TypeError('hopeless')))).outcome).toBe('dead');
    expect((await fate('picky', throwing(new Error('hopeful')))).outcome).toBe('retry 1h');
  });

  test('is retried when retryIf itself throws', async () => {
    expect((await fate('broken', throwing(new Error('no')))).outcome).toBe('retry 1h');
  });

  test.each([
    ['Reject', new Reject(), 'dead'],
    ['Abort', new Abort(), 'done'],
    ['Retry', new Retry('again', { delay: '2h' }), 'retry 2h'],
  ])('that %s decides about is not asked about with retryIf', async (_what, signal, outcome) => {
    expect((await fate('broken', throwing(signal))).outcome).toBe(outcome);
  });

  test('is retried after 30 days at most, however long its handler would wait', async () => {
    const outcome = await fate('once', throwing(new Retry('much later', { delay: '100d' })));
    expect(outcome).toMatchObject({ outcome: 'retry 30d' });
  });

  test('is decided about by the Reject of another copy of this library, too', async () => {
    const theirs = Object.assign(new Error('never'), { name: 'Reject' });
    expect((await fate('global', throwing(theirs))).outcome).toBe('dead');
  });
});
