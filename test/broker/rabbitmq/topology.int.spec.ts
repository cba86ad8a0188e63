import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent, Reject } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from '../../consume/stage.js';
import { eventually, type TestApp } from '../../support/outbox-app.js';
import { listed, sorted } from './listing.js';
import { startRabbitMq, type RabbitMqNode } from '../../support/rabbitmq.mjs';

@Injectable()
class Billing {
  readonly seen: string[] = [];

  @OnEvent(['order.*', 'user.#'], { retry: ['1s', '1h30m'] })
  bill(_payload: unknown, { id, attempt }: EventContext): void {
    this.seen.push(`${id} ${attempt}`);
    if (attempt === 1) throw new Error('once');
  }
}

@Injectable()
class Shipping {
  @OnEvent('order.placed', { retry: ['1s'] })
  ship(): void {
    throw new Reject('never');
  }
}

describe('topology', () => {
  let node: RabbitMqNode;
  let stage: Stage;
  let name: string;

  beforeAll(async () => {
    node = await startRabbitMq();
  });

  afterAll(() => node?.close());

  beforeEach(async () => {
    stage = await openStage({ rabbitUrl: node.url });
    ({ name } = stage.playground);
  });

  afterEach(() => stage.close());

  const start = (rabbitmq: { queueType?: 'quorum' | 'classic' } = {}): Promise<TestApp> =>
    stage.start({
      providers: [Billing, Shipping],
      options: { rabbitmq, consumers: { maxRedeliveries: 7 } },
    });

  const list = (what: string, ...columns: string[]) => listed(node, name, what, ...columns);

  /** Erlang's terms, as an object: `[{"x-message-ttl",1000}]`. */
  function argumentsOf(text: string | undefined): Record<string, string> {
    const pairs = [...(text ?? '').matchAll(/\{"([^"]+)",\s*"?([^"}]*)"?\}/g)];
    // Erlang's empty string is an empty list.
    return Object.fromEntries(
      pairs.map(([, argument, value]) => [argument as string, value === '[]' ? '' : (value as string)]),
    );
  }

  test('has the exchanges that the documentation names, durable and of their kinds', async () => {
    await start();
    expect(await list('exchanges', 'name', 'type', 'durable')).toEqual(
      sorted([
        ['~', 'topic', 'true'],
        ['~.dlx', 'direct', 'true'],
        ['~.return', 'direct', 'true'],
        ['~.unclaimed', 'fanout', 'true'],
        ['~.retry.1s', 'fanout', 'true'],
        ['~.retry.1h30m', 'fanout', 'true'],
      ]),
    );
  });

  test('has the queues that the documentation names, durable quorum queues with their arguments', async () => {
    await start();
    const queues = await list('queues', 'name', 'durable', 'arguments');
    const found = Object.fromEntries(queues.map(([queue, , text]) => [queue, argumentsOf(text)]));
    const safe = {
      'x-queue-type': 'quorum',
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    };
    const handler = (queue: string) => ({
      ...safe,
      'x-dead-letter-exchange': '~.dlx',
      'x-dead-letter-routing-key': queue,
      'x-delivery-limit': '7',
    });
    const waiting = (ttl: number) => ({
      ...safe,
      'x-message-ttl': String(ttl),
      'x-dead-letter-exchange': '~.return',
    });
    const dead = { 'x-queue-type': 'quorum', 'x-delivery-limit': '2147483647' };
    expect(found).toEqual({
      '~.Billing.bill': handler('~.Billing.bill'),
      '~.Billing.bill.dlq': dead,
      '~.Shipping.ship': handler('~.Shipping.ship'),
      '~.Shipping.ship.dlq': dead,
      '~.unclaimed': dead,
      '~.retry.1s': waiting(1_000),
      '~.retry.1h30m': waiting(5_400_000),
    });
    expect(queues.every(([, durable]) => durable === 'true')).toBe(true);
  });

  test('has the bindings that the handlers ask for, and none besides', async () => {
    await start();
    const bindings = await list('bindings', 'source_name', 'destination_name', 'routing_key');
    expect(bindings.filter(([source]) => source !== '')).toEqual(
      sorted([
        ['~', '~.Billing.bill', 'order.*'],
        ['~', '~.Billing.bill', 'user.#'],
        ['~', '~.Shipping.ship', 'order.placed'],
        ['~.dlx', '~.Billing.bill.dlq', '~.Billing.bill'],
        ['~.dlx', '~.Shipping.ship.dlq', '~.Shipping.ship'],
        ['~.return', '~.Billing.bill', '~.Billing.bill'],
        ['~.return', '~.Shipping.ship', '~.Shipping.ship'],
        ['~.unclaimed', '~.unclaimed', ''],
        ['~.retry.1s', '~.retry.1s', ''],
        ['~.retry.1h30m', '~.retry.1h30m', ''],
      ]),
    );
  });

  test('of classic queues has nothing that only quorum queues know, and retries as they do', async () => {
    const app = await start({ queueType: 'classic' });
    const queues = await list('queues', 'name', 'type', 'durable', 'arguments');
    expect(queues.map(([queue, type, durable]) => [queue, type, durable])).toEqual(
      queues.map(([queue]) => [queue, 'classic', 'true']),
    );
    const found = Object.fromEntries(queues.map(([queue, , , text]) => [queue, argumentsOf(text)]));
    expect(found['~.Billing.bill']).toEqual({
      'x-queue-type': 'classic',
      'x-dead-letter-exchange': '~.dlx',
      'x-dead-letter-routing-key': '~.Billing.bill',
    });
    const id = await stage.publish('order.placed');
    await eventually(() => app.app.get(Billing).seen.includes(`${id} 2`));
    const letter = await stage.deadLetter(stage.queue('Shipping.ship'));
    expect(letter.properties).toMatchObject({ messageId: id, headers: { 'outbox-error-type': 'Reject' } });
  });

  test('lets retries whose queue is gone rest, and those of other handlers go on', async () => {
    const { app } = await start();
    const gone = `${name}.Old.handler`;
    // As many as a queue holds back while it cannot route them, and some more.
    for (let n = 0; n < 40; n++) await stage.send(`${name}.retry.1s`, '{}', { headers: { n } });
    await stage.onChannel(async (channel) => {
      for (let n = 0; n < 40; n++)
        channel.publish(`${name}.retry.1s`, gone, Buffer.from('{}'), {
          persistent: true,
          messageId: `m${n}`,
        });
    });
    const unclaimed = `${name}.unclaimed`;
    await eventually(async () => (await stage.look(unclaimed)).messageCount === 80);
    const id = await stage.publish('order.placed');
    await eventually(() => app.get(Billing).seen.includes(`${id} 2`));
    expect((await stage.take(unclaimed))?.fields).toMatchObject({ exchange: `${name}.return` });
  });

  test('is declared as often as apps start, and left as it is', async () => {
    const first = await start();
    const before = await list('queues', 'name', 'arguments');
    const second = await start();
    expect(await list('queues', 'name', 'arguments')).toEqual(before);
    await first.close();
    await second.close();
    expect(await list('queues', 'name', 'arguments')).toEqual(before);
  });
});
