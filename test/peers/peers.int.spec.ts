import { Injectable } from '@nestjs/common';
import type { ConsumeMessage } from 'amqplib';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from '../consume/stage.js';
import { startRabbitMq, type RabbitMqNode } from '../support/rabbitmq.mjs';
import { eventually } from '../support/outbox-app.js';

const calls: Array<{ handler: string; context: EventContext<ConsumeMessage> }> = [];
const note = (handler: string, context: EventContext<ConsumeMessage>) =>
  void calls.push({ handler, context });
const handlersOf = () => calls.map(({ handler }) => handler).sort();

let node: RabbitMqNode;
let stage: Stage;

beforeAll(async () => {
  node = await startRabbitMq();
  stage = await openStage({ rabbitUrl: node.url });
});

afterEach(() => {
  calls.length = 0;
});

afterAll(async () => {
  await stage?.close();
  await node?.close();
});

/** Of the broker so far, in milliseconds. */
const cpuTime = async () => Number(await node.ctl('eval', 'element(1, erlang:statistics(runtime)).'));

test('of a hundred events for one of two handlers on a queue, all reach that one', async () => {
  const queue = `${stage.playground.name}.shared`;

  @Injectable()
  class Sharing {
    @OnEvent('d.created', { queue })
    created(_payload: unknown, context: EventContext<ConsumeMessage>): void {
      note('created', context);
    }

    @OnEvent('d.updated', { queue })
    updated(_payload: unknown, context: EventContext<ConsumeMessage>): void {
      note('updated', context);
    }
  }
  const app = await stage.start({ providers: [Sharing] });
  for (let n = 0; n < 100; n++) await stage.publish('d.created');
  await stage.publish('d.updated');
  await eventually(() => calls.length === 101);
  expect(calls.filter(({ handler }) => handler === 'created')).toHaveLength(100);
  await app.close();
});

test('a handler that always throws runs once for each of its delays and once more, and then no more', async () => {
  @Injectable()
  class Failing {
    @OnEvent('failing', { retry: ['100ms', '200ms'] })
    handle(_payload: unknown, context: EventContext<ConsumeMessage>): void {
      note('failing', context);
      throw new Error('always');
    }

    @OnEvent('failing')
    other(_payload: unknown, context: EventContext<ConsumeMessage>): void {
      note('other', context);
    }
  }
  const app = await stage.start({ providers: [Failing] });
  await stage.publish('failing');
  const letter = await stage.deadLetter(stage.queue('Failing.handle'));
  expect(letter.properties.headers?.['outbox-attempt']).toBe(3);
  expect(handlersOf()).toEqual(['failing', 'failing', 'failing', 'other']);
  await app.close();
  for (const queue of ['Failing.handle', 'Failing.other'])
    expect((await stage.look(stage.queue(queue))).messageCount).toBe(0);
  expect(calls).toHaveLength(4);
});

test('while a failed event waits for its next attempt, the broker is as idle as without it', async () => {
  @Injectable()
  class Patient {
    @OnEvent('patient', { retry: ['1m'] })
    handle(_payload: unknown, context: EventContext<ConsumeMessage>): void {
      note('patient', context);
      throw new Error('always');
    }
  }
  const app = await stage.start({ providers: [Patient] });
  await stage.publish('patient');
  await eventually(async () => (await stage.look(`${stage.playground.name}.retry.1m`)).messageCount === 1);
  const before = await cpuTime();
  await new Promise((resolve) => setTimeout(resolve, 3_000));
  const spent = (await cpuTime()) - before;
  expect(calls).toHaveLength(1);
  // A message that goes round and round takes a whole core.
  expect(spent).toBeLessThan(600);
  await app.close();
});

test('every handler whose pattern matches runs, wherever its wildcards are', async () => {
  @Injectable()
  class Users {
    @OnEvent('user.created')
    exact(_payload: unknown, context: EventContext<ConsumeMessage>): void {
      note('user.created', context);
    }

    @OnEvent('user.*')
    word(_payload: unknown, context: EventContext<ConsumeMessage>): void {
      note('user.*', context);
    }

    @OnEvent('user.#')
    words(_payload: unknown, context: EventContext<ConsumeMessage>): void {
      note('user.#', context);
    }

    @OnEvent('#.created')
    ending(_payload: unknown, context: EventContext<ConsumeMessage>): void {
      note('#.created', context);
    }

    @OnEvent('user.#.created')
    between(_payload: unknown, context: EventContext<ConsumeMessage>): void {
      note('user.#.created', context);
    }
  }
  const app = await stage.start({ providers: [Users] });
  const expected: Record<string, string[]> = {
    'user.created': ['#.created', 'user.#', 'user.#.created', 'user.*', 'user.created'],
    'user.updated': ['user.#', 'user.*'],
    'order.created': ['#.created'],
    'user.account.created': ['#.created', 'user.#', 'user.#.created'],
  };
  for (const [type, handlers] of Object.entries(expected)) {
    calls.length = 0;
    await stage.publish(type);
    await eventually(() => calls.length >= handlers.length);
    expect([type, handlersOf()]).toEqual([type, handlers]);
  }
  await app.close();
});

test('a consumer is sent as much as its prefetch says, by a limit that is not global', async () => {
  @Injectable()
  class Limited {
    @OnEvent('limited.default')
    usual(): void {}

    @OnEvent('limited.few', { prefetch: 7 })
    few(): void {}
  }
  const app = await stage.start({ providers: [Limited] });
  const consumers = await node.ctl(
    'list_consumers',
    '-q',
    '--no-table-headers',
    'queue_name',
    'prefetch_count',
  );
  const limits = Object.fromEntries(
    consumers
      .trim()
      .split('\n')
      .map((row) => row.split('\t')),
  );
  expect(limits).toMatchObject({
    [stage.queue('Limited.usual')]: '100',
    [stage.queue('Limited.few')]: '7',
  });
  const channels = await node.ctl('list_channels', '-q', '--no-table-headers', 'global_prefetch_count');
  expect(new Set(channels.trim().split('\n'))).toEqual(new Set(['0']));
  await app.close();
});

test('events, retries and dead letters are persistent', async () => {
  @Injectable()
  class Keeping {
    @OnEvent('kept', { retry: ['100ms'] })
    handle(_payload: unknown, context: EventContext<ConsumeMessage>): void {
      note('kept', context);
      throw new Error('twice');
    }
  }
  const app = await stage.start({ providers: [Keeping], options: { relay: { enabled: true } } });
  await app.emit('kept');
  const letter = await stage.deadLetter(stage.queue('Keeping.handle'));
  const modes = calls.map(({ context }) => context.message.properties.deliveryMode as number);
  expect([...modes, letter.properties.deliveryMode]).toEqual([2, 2, 2]);
  await app.close();
});
