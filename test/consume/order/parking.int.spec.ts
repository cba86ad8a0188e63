import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent, OutboxConsumers, Reject } from 'nestjs-rabbitmq-outbox';
import { startProxy, type Proxy } from '../../broker/rabbitmq/proxy.js';
import { eventually, type TestAppSettings } from '../../support/outbox-app.js';
import { openLedger, type Ledger } from '../ledger.js';
import { openStage, type Stage } from '../stage.js';

@Injectable()
class Worker {
  readonly seen: EventContext[] = [];
  act: (context: EventContext) => unknown = () => undefined;

  @OnEvent('job', { ordered: true, retry: ['1s', '1h'] })
  async job(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }

  @OnEvent('booked', { ordered: true, inbox: true, retry: ['100ms'] })
  async booked(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }
}

describe('what an ordered handler has parked', () => {
  let stage: Stage;
  let ledger: Ledger;
  let proxy: Proxy;

  beforeEach(async () => {
    stage = await openStage();
    ledger = await openLedger(stage.playground);
    proxy = await startProxy(stage.playground.databaseUrl);
  });

  afterEach(async () => {
    await stage.close();
    await proxy.close();
  });

  async function start(settings: TestAppSettings = {}) {
    const app = await stage.start({ providers: [Worker], ...settings });
    return { ...app, worker: app.app.get(Worker), consumers: app.app.get(OutboxConsumers) };
  }

  const send = (type: string, messageId: string, properties = {}) =>
    stage.publish(type, { of: messageId }, { messageId, headers: { 'outbox-key': 'k' }, ...properties });

  const ids = ({ seen }: Worker) => seen.map(({ id }) => id);

  test('arrives as it was sent', async () => {
    const { worker } = await start();
    worker.act = ({ attempt, id }) => {
      if (id === '1' && attempt === 1) throw new Error('once');
    };
    const headers = {
      'outbox-key': 'k',
      text: 'ünïcode 🙂',
      number: 2 ** 40,
      list: [1, 'two', true],
      nested: { deep: Buffer.from([0, 255]) },
      'outbox-causation-id': 'cause',
      'outbox-tracking': 'a,b',
    };
    const properties = { headers, correlationId: 'corr', timestamp: 1_700_000_000, expiration: '3600000' };
    await send('job', '1', properties);
    await send('job', '2', properties);
    await eventually(() => worker.seen.length === 3);
    const [direct, parked, behind] = worker.seen;
    expect([direct?.attempt, parked?.attempt, behind?.attempt]).toEqual([1, 2, 1]);
    for (const later of [parked, behind]) {
      for (const member of [
        'type',
        'routingKey',
        'key',
        'headers',
        'correlationId',
        'causationId',
        'trackingIds',
        'occurredAt',
        'queue',
      ] as const)
        expect(later?.[member]).toEqual(direct?.[member]);
    }
    expect(behind?.id).toBe('2');
    expect(String((behind as EventContext<{ content: Buffer }>).message.content)).toBe('{"of":"2"}');
  });

  test('is handled though its reminder got lost', async () => {
    const { name } = stage.playground;
    const first = await start();
    first.worker.act = () => {
      throw new Error('no');
    };
    await send('job', '1');
    await eventually(async () => (await first.consumers.parked()).length === 1);
    await first.close();
    await stage.onChannel((channel) => channel.purgeQueue(`${name}.retry.1s`));
    await stage.playground.sql(`UPDATE ${name}.outbox_parked SET due_at = now() - interval '1 hour'`);
    const { worker } = await start();
    await eventually(() => worker.seen.length === 1);
    expect(worker.seen[0]).toMatchObject({ id: '1', attempt: 2 });
  });

  test('waits for the database, like everything of its handler, and loses neither order nor attempts', async () => {
    const { worker } = await start({ dataSource: { url: proxy.url } });
    worker.act = ({ attempt, id }) => {
      if (id === '1' && attempt === 1) throw new Error('once');
    };
    await proxy.refuse();
    for (const id of ['1', '2', '3']) await send('job', id);
    await eventually(async () => (await stage.look(stage.queue('Worker.job'))).messageCount === 0);
    await proxy.accept();
    await eventually(() => worker.seen.length === 4);
    expect(ids(worker)).toEqual(['1', '1', '2', '3']);
    expect(worker.seen.map(({ attempt }) => attempt)).toEqual([1, 2, 1, 1]);
  });

  test('is there once, though its process died between parking and ack', async () => {
    const { worker, consumers } = await start();
    worker.act = ({ attempt }) => {
      if (attempt === 1) throw new Error('once');
    };
    await send('job', '1');
    await eventually(async () => (await consumers.parked()).length === 1);
    // As the broker would deliver it again.
    await send('job', '1');
    await send('job', '2');
    await eventually(() => worker.seen.length === 4);
    expect(ids(worker)).toEqual(['1', '1', '2', '2']);
  });

  test('is handled in the transaction of its inbox, once', async () => {
    const { worker } = await start();
    worker.act = async (context) => {
      await ledger.write(context, `attempt ${context.attempt}`);
      if (context.id === '1' && context.attempt === 1) throw new Error('once');
    };
    for (const id of ['1', '2', '1', '2']) await send('booked', id);
    await send('booked', '3');
    await eventually(() => ids(worker).includes('3'));
    await eventually(async () => (await ledger.of('3')).length === 1);
    expect(await ledger.of('1')).toEqual(['attempt 2']);
    expect(await ledger.of('2')).toEqual(['attempt 1']);
    expect(ids(worker)).toEqual(['1', '1', '2', '3']);
  });

  test('may have a key of any length and kind', async () => {
    const { worker, consumers } = await start();
    worker.act = ({ attempt }) => {
      if (attempt === 1) throw new Error('a\0b');
    };
    const keys = ['x'.repeat(5_000), 'nul\0nul', '"\'\\'];
    for (const [index, key] of keys.entries())
      await send('job', `${index}`, { headers: { 'outbox-key': key } });
    await eventually(() => worker.seen.filter(({ attempt }) => attempt === 2).length === keys.length);
    expect(new Set(worker.seen.map(({ key }) => key))).toEqual(new Set(keys));
    // Nothing of them waits any more, which would hold up the end.
    await eventually(() => consumers.states.every(({ running }) => running === 0));
  });

  test('may be skipped by its key, of any length and kind', async () => {
    const { worker, consumers } = await start();
    worker.act = ({ id }) => {
      if (id.startsWith('dead')) throw new Reject('never');
    };
    const keys = ['x'.repeat(5_000), 'nul\0nul'];
    for (const [index, key] of keys.entries()) {
      await send('job', `dead ${index}`, { headers: { 'outbox-key': key } });
      await send('job', `${index}`, { headers: { 'outbox-key': key } });
    }
    await eventually(async () => (await consumers.parked()).length === keys.length);
    for (const key of keys) await eventually(() => consumers.skip('Worker.job', key));
    await eventually(async () => (await consumers.parked()).length === 0);
    // In whichever order: their keys are different.
    const handled = ids(worker).filter((id) => !id.startsWith('dead'));
    expect(handled.sort()).toEqual(['0', '1']);
  });
});
