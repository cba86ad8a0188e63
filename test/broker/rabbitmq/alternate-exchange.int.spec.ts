import { Injectable, type Type } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import {
  EventContext,
  OnEvent,
  OutboxTopology,
  TopologyMismatchError,
  type RabbitMqOptions,
} from 'nestjs-rabbitmq-outbox';
import { startEmbeddedBroker } from '../../../lib/testing/broker/broker.js';
import { openStage, type Stage } from '../../consume/stage.js';
import { eventually, type TestApp } from '../../support/outbox-app.js';
import { startRabbitMq, type RabbitMqNode } from '../../support/rabbitmq.mjs';

interface Broker {
  readonly url: string;
  close(): Promise<void>;
}

const BROKERS: ReadonlyArray<[name: string, start: () => Promise<Broker>]> = [
  ['RabbitMQ', () => startRabbitMq()],
  ['the embedded broker', () => startEmbeddedBroker()],
];

describe.each(BROKERS)('an alternate exchange on %s', (kind, startBroker) => {
  let broker: Broker;
  let stage: Stage;
  let name: string;
  let alternate: string;

  beforeAll(async () => {
    broker = await startBroker();
  });
  afterAll(() => broker?.close());
  beforeEach(async () => {
    stage = await openStage({ rabbitUrl: broker.url, ownBroker: true });
    ({ name } = stage.playground);
    alternate = `${name}.unrouted`;
  });
  afterEach(() => stage.close());

  const start = (rabbitmq: RabbitMqOptions = {}, providers: Type[] = []): Promise<TestApp> =>
    stage.start({
      providers,
      options: { rabbitmq: { alternateExchange: alternate, ...rabbitmq }, relay: { enabled: true } },
    });

  const rows = () =>
    stage.playground.sql<{ type: string; state: string; returned: boolean }>(
      `SELECT type, state, returned FROM ${name}.outbox ORDER BY seq`,
    );
  const settled = () => eventually(async () => (await rows()).every(({ state }) => state !== 'pending'));

  /** Takes what nobody handles, which needs the exchange that its own process declares. */
  function unroutedHandler(patterns: string[]) {
    const seen: string[] = [];
    @Injectable()
    class Unrouted {
      @OnEvent(patterns, { exchange: alternate })
      keep(_payload: unknown, { type }: EventContext): void {
        seen.push(type);
      }
    }
    @Injectable()
    class Known {
      @OnEvent('order.#')
      handle(): void {}
    }
    return { seen, providers: [Unrouted, Known] };
  }

  test('gets what no queue is bound for, which then counts as routed', async () => {
    const { seen, providers } = unroutedHandler(['#']);
    const app = await start({ unroutable: 'fail' }, providers);
    await app.emit('order.placed', {});
    await app.emit('nobody.listens', {});
    await app.emit('nobody.cares', {}, { requireRoute: true });
    await settled();
    expect((await rows()).map(({ state, returned }) => [state, returned])).toEqual([
      ['published', false],
      ['published', false],
      ['published', false],
    ]);
    await eventually(() => seen.length === 2);
    expect(seen.toSorted()).toEqual(['nobody.cares', 'nobody.listens']);
  });

  test('returns what no queue of its own is bound for either', async () => {
    const { seen, providers } = unroutedHandler(['stray.*']);
    const app = await start({}, providers);
    await app.emit('stray.event', {});
    await app.emit('nobody.listens', {});
    await settled();
    expect((await rows()).map(({ type, returned }) => [type, returned])).toEqual([
      ['stray.event', false],
      ['nobody.listens', true],
    ]);
    await eventually(() => seen.length === 1);
    expect(seen).toEqual(['stray.event']);
  });

  test('is not put on an exchange that has none: the start fails and says what can be done', async () => {
    await (await start({ alternateExchange: undefined })).close();
    const error: unknown = await start().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TopologyMismatchError);
    expect((error as TopologyMismatchError).mismatch).toEqual({
      kind: 'exchange',
      name,
      argument: 'alternate-exchange',
      declared: alternate,
      actual: 'none',
    });
    expect((error as Error).message).toBe(
      `The exchange "${name}" exists with alternate-exchange = none, but would be declared with ${alternate}. ` +
        'Nothing was changed. Ways out: give the option (rabbitmq.alternateExchange, if it is the event exchange) the ' +
        'value that exists; delete the exchange, and its bindings with it, so that every process that uses it declares ' +
        'both anew when it starts; use another name (option queue or rabbitmq.exchange); or provision it yourself and ' +
        "set rabbitmq.topology to 'check' or 'none'.",
    );
  });

  test('is not taken off an exchange that has one', async () => {
    await (await start()).close();
    const error: unknown = await start({ alternateExchange: undefined }).catch((reason: unknown) => reason);
    expect((error as TopologyMismatchError).mismatch).toEqual({
      kind: 'exchange',
      name,
      argument: 'alternate-exchange',
      declared: 'none',
      actual: alternate,
    });
  });

  test('is told of by the topology: exported, looked for, and its mismatch found', async () => {
    const { app } = await stage.start({
      options: { idle: true, rabbitmq: { alternateExchange: alternate } },
    });
    const topology = app.get(OutboxTopology);
    expect(topology.definitions().exchanges).toMatchObject([
      { name: alternate, type: 'topic', durable: true, arguments: {} },
      { name, type: 'topic', durable: true, arguments: { 'alternate-exchange': alternate } },
    ]);
    expect((await topology.check()).missing).toEqual([`exchange "${alternate}"`, `exchange "${name}"`]);
    await stage.onChannel((channel) => channel.assertExchange(name, 'topic', { durable: true }));
    const { missing, mismatches } = await topology.check();
    expect(missing).toEqual([`exchange "${alternate}"`]);
    expect(mismatches).toMatchObject([{ name, argument: 'alternate-exchange', declared: alternate }]);
  });

  if (kind !== 'RabbitMQ') return;

  test('can be given by a policy instead, and taken away, as the documentation says', async () => {
    const node = broker as RabbitMqNode;
    const app = await start({ alternateExchange: undefined });
    const queue = `${name}.by-policy`;
    await stage.onChannel(async (channel) => {
      await channel.assertExchange(alternate, 'topic', { durable: true });
      await channel.assertQueue(queue, { durable: true });
      await channel.bindQueue(queue, alternate, '#');
    });
    const policy = JSON.stringify({ 'alternate-exchange': alternate });
    await node.ctl('set_policy', 'unrouted', `^${name}$`, policy, '--apply-to', 'exchanges');
    await app.emit('nobody.listens', {});
    await settled();
    await node.ctl('clear_policy', 'unrouted');
    await app.emit('nobody.listens', {});
    await settled();
    expect((await rows()).map(({ returned }) => returned)).toEqual([false, true]);
    expect(await stage.look(queue)).toMatchObject({ messageCount: 1 });
  });
});
