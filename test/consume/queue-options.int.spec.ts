import { Injectable, type Type } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  EventContext,
  InvalidHandlerError,
  OnEvent,
  TopologyMissingError,
  type OnEventOptions,
} from 'nestjs-rabbitmq-outbox';
import { eventually, type TestApp } from '../support/outbox-app.js';
import { gate, openStage, type Stage } from './stage.js';

const seen: Array<{ where: string; context: EventContext }> = [];
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});

afterEach(() => {
  seen.length = 0;
});

afterAll(() => stage?.close());

describe('a handler with an expiration', () => {
  test('has events that wait too long in its dead letters, and handles those that do not', async () => {
    const hold = gate();

    @Injectable()
    class Slow {
      @OnEvent('late', { expiration: '200ms', prefetch: 1, retry: ['1h'] })
      async handle(_payload: unknown, context: EventContext): Promise<void> {
        seen.push({ where: 'late', context });
        await hold.opened;
      }
    }
    const app = await stage.start({ providers: [Slow] });
    const first = await stage.publish('late');
    await eventually(() => seen.length === 1);
    const second = await stage.publish('late');
    const letter = await stage.deadLetter(stage.queue('Slow.handle'));
    expect(letter.properties.messageId).toBe(second);
    expect(letter.properties.headers?.['x-death']?.[0]).toMatchObject({ reason: 'expired' });
    hold.open();
    await app.close();
    expect(seen.map(({ context }) => context.id)).toEqual([first]);
  });
});

describe('a handler of another exchange', () => {
  function listener(exchange: string): Type {
    @Injectable()
    class Listener {
      @OnEvent('their.*', { exchange, retry: ['100ms'] })
      handle(_payload: unknown, context: EventContext): void {
        seen.push({ where: 'theirs', context });
        if (context.attempt === 1) throw new Error('once');
      }
    }
    return Listener;
  }

  test('gets what is published there, retries included, and nothing from the module’s', async () => {
    const theirs = `${stage.playground.name}.theirs`;
    await stage.onChannel((channel) => channel.assertExchange(theirs, 'topic'));
    await stage.start({ providers: [listener(theirs)] });
    await stage.publish('their.thing');
    await stage.onChannel(async (channel) => {
      channel.publish(theirs, 'their.thing', Buffer.from('{}'), { messageId: 'm-1' });
    });
    await eventually(() => seen.length === 2);
    expect(seen.map(({ context }) => `${context.id} ${context.routingKey} ${context.attempt}`)).toEqual([
      'm-1 their.thing 1',
      'm-1 their.thing 2',
    ]);
  });

  test('that is not there fails the start, by name, and declares it for nobody', async () => {
    const missing = `${stage.playground.name}.nowhere`;
    const start = stage.start({ providers: [listener(missing)] });
    await expect(start).rejects.toThrow(TopologyMissingError);
    await expect(start).rejects.toThrow(`RabbitMQ lacks exchange "${missing}"`);
    await expect(stage.onChannel((channel) => channel.checkExchange(missing))).rejects.toThrow(/NOT_FOUND/);
  });
});

describe('a broadcast handler', () => {
  let apps: TestApp[];

  beforeEach(() => {
    apps = [];
  });

  afterEach(async () => {
    for (const app of apps) await app.close();
  });

  function cache(where: string, fail?: (context: EventContext) => void): Type {
    @Injectable()
    class Cache {
      @OnEvent('cache.*', { broadcast: true, retry: ['100ms', '100ms'] })
      refresh(_payload: unknown, context: EventContext): void {
        seen.push({ where, context });
        fail?.(context);
      }

      @OnEvent('cache.*')
      once(_payload: unknown, context: EventContext): void {
        seen.push({ where: 'one of them', context });
      }
    }
    return Cache;
  }

  async function start(where: string, fail?: (context: EventContext) => void): Promise<TestApp> {
    const app = await stage.start({ providers: [cache(where, fail)] });
    apps.push(app);
    return app;
  }

  const seenAt = (where: string) => seen.filter((one) => one.where === where);

  test('gets every event in every process, on a queue of its own that is gone with it', async () => {
    await start('a');
    const second = await start('b');
    const id = await stage.publish('cache.cleared');
    await eventually(() => seen.length === 3);
    expect(seen.map(({ where }) => where).sort()).toEqual(['a', 'b', 'one of them']);
    const queues = ['a', 'b'].map((where) => seenAt(where)[0]?.context.queue ?? '');
    const own = stage.queue('Cache.refresh').replaceAll('.', '\\.');
    for (const queue of queues) expect(queue).toMatch(new RegExp(`^${own}\\.[0-9a-f]{12}$`));
    expect(queues[0]).not.toBe(queues[1]);
    await second.close();
    await expect(stage.look(queues[1] as string)).rejects.toThrow(/NOT_FOUND/);
    expect(seenAt('a')[0]?.context.id).toBe(id);
  });

  test('that fails is tried again in its process alone, and its dead letter is that of all', async () => {
    await start('good');
    await start('bad', () => {
      throw new Error('not here');
    });
    const id = await stage.publish('cache.cleared');
    const letter = await stage.deadLetter(stage.queue('Cache.refresh'));
    expect(letter.properties).toMatchObject({
      messageId: id,
      headers: {
        'outbox-error-message': 'not here',
        'outbox-consumer': stage.queue('Cache.refresh'),
        'outbox-routing-key': 'cache.cleared',
        'outbox-attempt': 3,
      },
    });
    expect(seenAt('bad').map(({ context }) => context.attempt)).toEqual([1, 2, 3]);
    expect(seenAt('good')).toHaveLength(1);
    expect(await stage.take(`${stage.playground.name}.retry.100ms`)).toBeUndefined();
  });

  test('takes its waiting retries with it', async () => {
    const app = await start('short-lived', () => {
      throw new Error('no');
    });
    await stage.publish('cache.cleared');
    const { context } = await eventually(() => seenAt('short-lived')[0]);
    const waiting = `${context.queue}.retry.100ms`;
    await app.close();
    apps = [];
    for (const queue of [waiting, context.queue])
      await expect(stage.look(queue)).rejects.toThrow(/NOT_FOUND/);
    expect(await stage.take(`${stage.playground.name}.unclaimed`)).toBeUndefined();
  });
});

describe('an option of a queue that is wrong fails the start, by name:', () => {
  const problem = async (...options: OnEventOptions[]): Promise<string> => {
    class Wrong {
      first(): void {}
      second(): void {}
    }
    options.forEach((given, index) => {
      const name = index === 0 ? 'first' : 'second';
      const decorate = OnEvent(`${name}.event`, given) as (...args: unknown[]) => void;
      decorate(Wrong.prototype, name, Object.getOwnPropertyDescriptor(Wrong.prototype, name));
    });
    const error: unknown = await stage.start({ providers: [Wrong] }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidHandlerError);
    return (error as Error).message;
  };

  test.each<[string, object, RegExp]>([
    ['an expiration that is none', { expiration: 'soon' }, /expiration .*, got "soon"/],
    ['an expiration of nothing', { expiration: 0 }, /expiration must be a duration from 1ms to 49d, got 0/],
    ['an expiration RabbitMQ cannot hold', { expiration: '50d' }, /expiration .* got "50d"/],
    ['a broadcast that is no flag', { broadcast: 'yes' }, /broadcast must be true or false, got "yes"/],
    ['an exchange without a name', { exchange: '' }, /exchange must be the name of an exchange, got ""/],
  ])('%s', async (_what, options, message) => {
    expect(await problem(options)).toMatch(message);
  });

  test.each<[string, OnEventOptions]>([
    ['expiration', { expiration: '1m' }],
    ['exchange', { exchange: 'amq.topic' }],
  ])('two handlers that share a queue, one of them with another %s', async (option, options) => {
    const queue = `${stage.playground.name}.shared-${option}`;
    expect(await problem({ queue }, { queue, ...options })).toMatch(
      new RegExp(
        `on Wrong\\.second: queue ".*" is shared with Wrong\\.first, which has another ${option}\\.`,
      ),
    );
  });
});
