import { Injectable, type Type } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  EventContext,
  OnEvent,
  TopologyForbiddenError,
  TopologyMismatchError,
  TopologyMissingError,
} from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from '../../consume/stage.js';
import { eventually, type TestApp } from '../../support/outbox-app.js';
import { listed } from './listing.js';
import { startRabbitMq, type RabbitMqNode } from '../../support/rabbitmq.mjs';

@Injectable()
class Billing {
  readonly seen: string[] = [];

  @OnEvent(['order.*', 'user.#'], { retry: ['1s', '1h30m'] })
  bill(_payload: unknown, { id }: EventContext): void {
    this.seen.push(id);
  }
}

@Injectable()
class Shipping {
  @OnEvent('order.placed', { retry: ['1s'] })
  ship(): void {}
}

type Rabbit = { topology?: 'assert' | 'check' | 'none'; queueType?: 'quorum' | 'classic' };

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

  const start = (rabbitmq: Rabbit = {}, providers: Type[] = [Billing, Shipping]): Promise<TestApp> =>
    stage.start({ providers, options: { rabbitmq, consumers: { maxRedeliveries: 7 } } });

  const failure = (rabbitmq: Rabbit, providers?: Type[]): Promise<unknown> =>
    start(rabbitmq, providers).then(
      () => undefined,
      (error: unknown) => error,
    );

  const list = (what: string, ...columns: string[]) => listed(node, name, what, ...columns);

  describe('that is already there, but different,', () => {
    const cases: Array<[string, (stage: Stage) => Promise<unknown>, Record<string, string>]> = [
      [
        'a handler’s queue with another delivery limit',
        (on) =>
          on.onChannel((channel) =>
            channel.assertQueue(on.queue('Billing.bill'), {
              arguments: {
                'x-queue-type': 'quorum',
                'x-dead-letter-exchange': `${on.playground.name}.dlx`,
                'x-dead-letter-routing-key': on.queue('Billing.bill'),
                'x-dead-letter-strategy': 'at-least-once',
                'x-overflow': 'reject-publish',
                'x-delivery-limit': 3,
              },
            }),
          ),
        { kind: 'queue', name: '~.Billing.bill', argument: 'x-delivery-limit', declared: '7', actual: '3' },
      ],
      [
        'a dead-letter queue of another type',
        (on) =>
          on.onChannel((channel) =>
            channel.assertQueue(`${on.queue('Billing.bill')}.dlq`, {
              arguments: { 'x-queue-type': 'classic' },
            }),
          ),
        {
          kind: 'queue',
          name: '~.Billing.bill.dlq',
          argument: 'x-queue-type',
          declared: 'quorum',
          actual: 'classic',
        },
      ],
      [
        'a retry queue with another delay',
        (on) =>
          on.onChannel((channel) =>
            channel.assertQueue(`${on.playground.name}.retry.1s`, {
              arguments: {
                'x-queue-type': 'quorum',
                'x-message-ttl': 5_000,
                'x-dead-letter-exchange': `${on.playground.name}.return`,
                'x-dead-letter-strategy': 'at-least-once',
                'x-overflow': 'reject-publish',
              },
            }),
          ),
        { kind: 'queue', name: '~.retry.1s', argument: 'x-message-ttl', declared: '1000', actual: '5000' },
      ],
      [
        'a dead-letter queue with more arguments than ours',
        (on) =>
          on.onChannel((channel) =>
            channel.assertQueue(`${on.queue('Billing.bill')}.dlq`, {
              arguments: {
                'x-queue-type': 'quorum',
                'x-delivery-limit': 2 ** 31 - 1,
                'x-message-ttl': 60_000,
              },
            }),
          ),
        {
          kind: 'queue',
          name: '~.Billing.bill.dlq',
          argument: 'x-message-ttl',
          declared: 'none',
          actual: '60000',
        },
      ],
      [
        'a handler’s queue that lets one consumer in',
        (on) =>
          on.onChannel((channel) =>
            channel.assertQueue(on.queue('Billing.bill'), {
              arguments: {
                'x-queue-type': 'quorum',
                'x-single-active-consumer': true,
                'x-dead-letter-exchange': `${on.playground.name}.dlx`,
                'x-dead-letter-routing-key': on.queue('Billing.bill'),
                'x-dead-letter-strategy': 'at-least-once',
                'x-overflow': 'reject-publish',
                'x-delivery-limit': 7,
              },
            }),
          ),
        {
          kind: 'queue',
          name: '~.Billing.bill',
          argument: 'x-single-active-consumer',
          declared: 'none',
          actual: 'true',
        },
      ],
      [
        'a handler’s queue that dead-letters elsewhere',
        (on) =>
          on.onChannel((channel) =>
            channel.assertQueue(on.queue('Billing.bill'), {
              arguments: { 'x-queue-type': 'quorum', 'x-dead-letter-exchange': 'elsewhere' },
            }),
          ),
        {
          kind: 'queue',
          name: '~.Billing.bill',
          argument: 'x-dead-letter-exchange',
          declared: '~.dlx',
          actual: 'elsewhere',
        },
      ],
      [
        'a way back that drops what has no queue',
        (on) => on.onChannel((channel) => channel.assertExchange(`${on.playground.name}.return`, 'direct')),
        {
          kind: 'exchange',
          name: '~.return',
          argument: 'alternate-exchange',
          declared: '~.unclaimed',
          actual: 'none',
        },
      ],
      [
        'an event exchange of another kind',
        (on) => on.onChannel((channel) => channel.assertExchange(on.playground.name, 'fanout')),
        { kind: 'exchange', name: '~', argument: 'type', declared: 'topic', actual: 'fanout' },
      ],
      [
        'a dead-letter exchange that does not survive a restart',
        (on) =>
          on.onChannel((channel) =>
            channel.assertExchange(`${on.playground.name}.dlx`, 'direct', { durable: false }),
          ),
        { kind: 'exchange', name: '~.dlx', argument: 'durable', declared: 'true', actual: 'false' },
      ],
    ];

    test.each(cases)(
      '%s: fails the start, naming what differs, and deletes nothing',
      async (_what, declare, mismatch) => {
        await declare(stage);
        const error = await failure({});
        expect(error).toBeInstanceOf(TopologyMismatchError);
        const found = (error as TopologyMismatchError).mismatch as unknown as Record<string, string>;
        const told = Object.entries(found).map(([member, value]) => [member, value.replace(name, '~')]);
        expect(Object.fromEntries(told)).toEqual(mismatch);
        expect((error as Error).message.replaceAll(name, '~')).toContain(
          `${mismatch['argument']} = ${mismatch['actual']}, but would be declared with ${mismatch['declared']}`,
        );
        expect((error as TopologyMismatchError).code).toBe('OUTBOX_TOPOLOGY_MISMATCH');
        const left = await list(mismatch['kind'] === 'queue' ? 'queues' : 'exchanges', 'name');
        expect(left).toContainEqual([mismatch['name']]);
      },
    );

    test('leaves no connection behind that would keep the process alive', async () => {
      await cases[0]?.[1](stage);
      await failure({});
      const connections = () => node.ctl('list_connections', '-q', 'client_properties');
      await eventually(async () => !(await connections()).includes(name));
      expect(await connections()).not.toContain(name);
    });
  });

  describe('that is only looked for', () => {
    test('fails the start naming all that is missing, of all handlers, at once', async () => {
      const error = await failure({ topology: 'check' });
      expect(error).toBeInstanceOf(TopologyMissingError);
      const missing = (error as TopologyMissingError).missing.map((thing) => thing.replaceAll(name, '~'));
      expect(new Set(missing)).toEqual(
        new Set([
          'exchange "~"',
          'exchange "~.dlx"',
          'exchange "~.return"',
          'exchange "~.unclaimed"',
          'queue "~.unclaimed"',
          'exchange "~.retry.1h30m"',
          'exchange "~.retry.1s"',
          'queue "~.Billing.bill"',
          'queue "~.Billing.bill.dlq"',
          'queue "~.retry.1h30m"',
          'queue "~.retry.1s"',
          'queue "~.Shipping.ship"',
          'queue "~.Shipping.ship.dlq"',
        ]),
      );
      expect(missing).toHaveLength(13);
      expect((error as Error).message).toMatch(
        /^RabbitMQ lacks .*topology 'check' nothing is declared, .*'assert'/,
      );
      expect(await list('queues', 'name')).toEqual([]);
      expect(await list('exchanges', 'name')).toEqual([]);
    });

    test('starts when it is there, and consumes', async () => {
      await (await start()).close();
      const { app } = await start({ topology: 'check' });
      const id = await stage.publish('order.placed');
      expect(await eventually(() => app.get(Billing).seen.includes(id))).toBe(true);
    });

    test('names the one thing that a new handler lacks', async () => {
      await (await start({}, [Billing])).close();
      const error = await failure({ topology: 'check' });
      expect((error as TopologyMissingError).missing.map((thing) => thing.replace(name, '~'))).toEqual(
        ['exchange "~.dlx"', 'queue "~.Shipping.ship.dlq"', 'queue "~.Shipping.ship"'].slice(1),
      );
    });

    test('fails the start of an app that only publishes, too', async () => {
      const start = stage.start({ options: { rabbitmq: { topology: 'check' }, relay: { enabled: true } } });
      const error: unknown = await start.catch((thrown: unknown) => thrown);
      expect((error as TopologyMissingError).missing).toEqual([`exchange "${name}"`]);
    });
  });

  test('that is trusted is neither declared nor looked for', async () => {
    const app = await stage.start({ options: { rabbitmq: { topology: 'none' }, relay: { enabled: true } } });
    await app.close();
    expect(await list('exchanges', 'name')).toEqual([]);
    await (await start()).close();
    const before = await list('bindings', 'source_name', 'destination_name', 'routing_key');
    const { app: trusting } = await start({ topology: 'none' });
    const id = await stage.publish('user.a.b');
    await eventually(() => trusting.get(Billing).seen.includes(id));
    expect(await list('bindings', 'source_name', 'destination_name', 'routing_key')).toEqual(before);
  });

  test('that is trusted and not there fails the start with what the broker says', async () => {
    const error = await failure({ topology: 'none' });
    expect(error).toMatchObject({ code: 404 });
    expect((error as Error).message).toContain(stage.queue('Billing.bill'));
  });

  test('that a user may not declare fails the start with what the broker says, and the ways out', async () => {
    await node.ctl('add_user', name, 'secret');
    await node.ctl('set_permissions', name, '^$', '.*', '.*');
    const url = new URL(node.url);
    Object.assign(url, { username: name, password: 'secret' });
    const error: unknown = await stage
      .start({ providers: [Billing], options: { rabbitmq: { url: url.href } } })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TopologyForbiddenError);
    expect((error as Error).message.replaceAll(name, '~')).toMatch(
      /^RabbitMQ refuses our user: ACCESS_REFUSED - .*exchange '~' in vhost '\/' refused for user '~'\. Give it .*'check'/,
    );
  });
});
