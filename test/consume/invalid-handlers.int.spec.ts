import { Injectable, Module, type Type } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EventBatch, InvalidHandlerError, OnEvent, type OnEventOptions } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from './stage.js';

function handlerOf(pattern: unknown, options: unknown = {}): Type {
  @Injectable()
  class Worker {
    @OnEvent(pattern as string, options as OnEventOptions)
    work(): void {}
  }
  return Worker;
}

describe('a handler that is written wrong fails the start, by name:', () => {
  let stage: Stage;

  beforeAll(async () => {
    stage = await openStage();
  });

  afterAll(() => stage?.close());

  async function problem(...providers: Type[]): Promise<string> {
    const error: unknown = await stage.start({ providers }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidHandlerError);
    expect(error).toMatchObject({ code: 'OUTBOX_INVALID_HANDLER', name: 'InvalidHandlerError' });
    return (error as Error).message;
  }

  test.each<[string, unknown, RegExp]>([
    [
      '** for any number of words',
      'order.**',
      /"order\.\*\*" uses "\*\*"; for any number of words write "#"/,
    ],
    ['no pattern', '', /non-empty string/],
    ['a wildcard within a word', 'a*b', /"a\*b": "\*" and "#" stand for whole words/],
    ['a wildcard at the end of a word', 'order.place#', /"place#"/],
    ['an empty word', 'order..placed', /empty word/],
    ['a dot at the end', 'order.', /empty word/],
    ['an empty list', [], /at least one pattern/],
    ['a wrong pattern in a list', ['order.placed', 'order.**'], /order\.\*\*/],
    ['a pattern that is too long', 'a'.repeat(256), /longer than 255 bytes/],
    ['undefined, as circular imports give', undefined, /non-empty string/],
    ['a number', 7, /non-empty string/],
    ['a list with a hole', ['a', undefined], /non-empty string/],
  ])('pattern: %s', async (_what, pattern, message) => {
    const told = await problem(handlerOf(pattern));
    expect(told).toMatch(/^@OnEvent\(\) on Worker\.work: /);
    expect(told).toMatch(message);
  });

  test.each<[string, unknown, RegExp]>([
    ['partitions 0', { ordered: true, partitions: 0 }, /partitions must be an integer from 1 to 64, got 0/],
    ['partitions 65', { ordered: true, partitions: 65 }, /partitions .* got 65/],
    ['partitions without order', { partitions: 2 }, /partitions are for ordered handlers/],
    ['prefetch 0', { prefetch: 0 }, /prefetch must be an integer from 1 to 65535, got 0/],
    ['prefetch 1.5', { prefetch: 1.5 }, /prefetch .* got 1\.5/],
    ['prefetch as text', { prefetch: '10' }, /prefetch .* got "10"/],
    ['prefetch too large', { prefetch: 65_536 }, /prefetch .* got 65536/],
    [
      'concurrency 0',
      { concurrency: 0 },
      /concurrency must be an integer from 1 to its prefetch \(100\), got 0/,
    ],
    [
      'concurrency above the prefetch',
      { prefetch: 10, concurrency: 11 },
      /concurrency .* prefetch \(10\), got 11/,
    ],
    ['timeout that is none', { timeout: 'soon' }, /timeout must be a duration such as .*, got "soon"/],
    ['timeout of nothing', { timeout: 0 }, /timeout must be a duration from 1ms to 1d, got 0/],
    ['timeout of days', { timeout: '2d' }, /timeout must be a duration from 1ms to 1d, got "2d"/],
    ['inbox that is neither', { inbox: 'yes' }, /inbox must be true, false, or { isolation: .* got "yes"/],
    ['inbox of another isolation', { inbox: { isolation: 'NONE' } }, /inbox must be true, .* got {/],
    ['ordered that is neither', { ordered: 'yes' }, /ordered must be true or false, got "yes"/],
    ['ordered broadcast', { ordered: true, broadcast: true }, /ordered and broadcast do not go together/],
    ['onDead of another kind', { ordered: true, onDead: 'stop' }, /onDead must be 'park' or 'continue'/],
    ['onDead without an order', { onDead: 'continue' }, /onDead is for ordered handlers/],
    ['batch that is none', { batch: 10 }, /batch must be { size, wait }, got 10/],
    ['batch of nothing', { batch: { size: 0 } }, /batch\.size must be an integer from 1 to 65535, got 0/],
    ['batch without a size', { batch: { wait: '1s' } }, /batch\.size must be .* got undefined/],
    ['batch that waits too long', { batch: { size: 2, wait: '1h' } }, /batch\.wait must be .* got "1h"/],
    [
      'batch of what is no class',
      { batch: { size: 2, of: 'Order' } },
      /batch\.of must be a class, got "Order"/,
    ],
    ['batch with more', { batch: { size: 2, max: 5 } }, /batch must be { size, wait }, got {/],
    ['batch in order', { ordered: true, batch: { size: 2 } }, /ordered and batch do not go together/],
    [
      'batch that never is complete',
      { prefetch: 10, batch: { size: 20 } },
      /batch\.size is 20 and its prefetch 10: .* give it at least 20/,
    ],
    ['queue without a name', { queue: '' }, /queue .* got ""/],
    ['queue of the broker’s own', { queue: 'amq.gen' }, /queue .* "amq\.gen"/],
    ['queue that leaves no room for its dead letters', { queue: 'q'.repeat(241) }, /1 to 240 bytes/],
    ['queue that is no text', { queue: 7 }, /queue .* got 7/],
    ['retry as text', { retry: '1s' }, /retry must be a list .* got "1s"/],
    ['retry with a delay that is none', { retry: ['soon'] }, /retry .* got \["soon"\]/],
    ['retry with a negative delay', { retry: [-1] }, /retry .* got \[-1\]/],
    [
      'retry with a delay no queue can hold',
      { retry: ['31d'] },
      /retry must be at most 30 days, got \["31d"\]/,
    ],
    [
      'retry whose delay its maxDelay would cut',
      { retry: { backoff: { delay: '1h' } } },
      /at most maxDelay \(5m\)/,
    ],
    ['retry with an unknown member', { retry: { times: 3 } }, /retry .* got {"times":3}/],
    ['retry null', { retry: null }, /retry .* got null/],
    ['retryIf that is no function', { retry: { retryIf: true } }, /retry/],
    ['an option there is not', { retries: ['1s'] }, /"retries" is not an option/],
  ])('option: %s', async (_what, options, message) => {
    const told = await problem(handlerOf('order.placed', options));
    expect(told).toMatch(/^@OnEvent\(\) on Worker\.work: /);
    expect(told).toMatch(message);
  });

  test('a handler of batches that takes one, or has its context first', async () => {
    class Order {}

    @Injectable()
    class One {
      @OnEvent('order.placed', { batch: { size: 2 } } as OnEventOptions)
      work(_order: Order): void {}
    }

    @Injectable()
    class Swapped {
      @OnEvent('order.placed', { batch: { size: 2 } })
      work(_batch: EventBatch, _orders: Order[]): void {}
    }
    expect(await problem(One)).toMatch(/One\.work: its first parameter is Order, .* write Order\[\]/);
    expect(await problem(Swapped)).toMatch(/Swapped\.work: its first parameter is the context/);
  });

  test('two handlers on one queue whose patterns overlap', async () => {
    @Injectable()
    class Overlapping {
      @OnEvent('order.*', { queue: 'shared' })
      any(): void {}

      @OnEvent(['user.#', '#.placed'], { queue: 'shared' })
      some(): void {}
    }
    const told = await problem(Overlapping);
    expect(told).toMatch(/^@OnEvent\(\) on Overlapping\.some: queue "shared"/);
    expect(told).toContain('Overlapping.any consumes it too');
    expect(told).toContain('"#.placed"');
    expect(told).toContain('Give each a queue of its own');
  });

  test('the same class provided by two modules', async () => {
    const Worker = handlerOf('order.placed');

    @Module({ providers: [Worker] })
    class One {}

    @Module({ providers: [Worker], imports: [One] })
    class Two {}

    const error: unknown = await stage.start({ imports: [Two] }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidHandlerError);
    expect((error as Error).message).toMatch(/on Worker\.work: .*it is provided more than once/);
  });

  test('the same class under two tokens', async () => {
    const Worker = handlerOf('order.placed');
    const error: unknown = await stage
      .start({ providers: [Worker, { provide: 'AGAIN', useClass: Worker }] })
      .catch((thrown: unknown) => thrown);
    expect((error as Error).message).toMatch(/it is provided more than once/);
  });

  test('declares nothing on the broker', async () => {
    await problem(handlerOf('order.**'));
    await expect(stage.look(stage.queue('Worker.work'))).rejects.toThrow(/NOT_FOUND/);
  });
});

describe('@OnEvent() on what is not a method fails where it stands:', () => {
  const decorator = (): ((...args: unknown[]) => void) => OnEvent('order.placed') as never;

  class Target {
    static factory(): void {}
    get total(): number {
      return 1;
    }
    arrow = (): void => undefined;
  }

  const descriptorOf = (target: object, name: string | symbol) =>
    Object.getOwnPropertyDescriptor(target, name);

  test.each<[string, object, string | symbol, RegExp]>([
    ['a static method', Target, 'factory', /Target\.factory/],
    ['a getter', Target.prototype, 'total', /Target\.total/],
    ['a property', Target.prototype, 'arrow', /Target\.arrow/],
    ['a symbol', Target.prototype, Symbol.iterator, /Target\.Symbol\(Symbol\.iterator\)/],
  ])('%s', (_what, target, name, message) => {
    const decorate = () => decorator()(target, name, descriptorOf(target, name));
    expect(decorate).toThrow(InvalidHandlerError);
    expect(decorate).toThrow(message);
  });
});
