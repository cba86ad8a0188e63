import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Abort, OnEvent, OutboxLifecycle, Reject } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually, type TestApp } from '../support/outbox-app.js';
import { recordLifecycle } from './recorder.js';

@Injectable()
class Orders {
  @OnEvent('order.*', { retry: ['100ms'] })
  handle({ how, secret }: { how: string; secret: string }): string {
    if (how === 'abort') throw new Abort('nothing to do');
    if (how === 'reject') throw new Reject('never');
    if (how === 'fail') throw new Error('not now');
    return secret;
  }
}

describe('the consuming side tells', () => {
  let stage: Stage;
  let app: TestApp;
  let told: ReturnType<typeof recordLifecycle>;

  beforeEach(async () => {
    stage = await openStage();
    app = await stage.start({ providers: [Orders] });
    told = recordLifecycle(app);
  });
  afterEach(async () => stage.close());

  const queue = () => stage.queue('Orders.handle');
  const publish = (how: string) =>
    stage.publish('order.placed', { how, secret: '4111' }, { headers: { 'outbox-key': 'k' } });
  const told$ = (id: string) =>
    told.messages.filter((message) => 'id' in message && message.id === id).map(({ name }) => name);

  test('that an event was received and handled, by whom and how long, and nothing of its payload', async () => {
    const id = await publish('well');
    const handled = await told.first('handled');
    const delivered = { id, type: 'order.placed', key: 'k', queue: queue(), handler: 'Orders.handle' };
    expect(handled).toMatchObject({ outbox: 'default', ...delivered, attempt: 1, redelivered: false });
    expect(handled.duration).toBeGreaterThanOrEqual(0);
    expect(told.named('received')).toMatchObject([delivered]);
    expect(told$(id)).toEqual(['received', 'handled']);
    expect(JSON.stringify(told.messages)).not.toContain('4111');
  });

  test('that it was retried, after which wait, and in the end dead-lettered, with the error', async () => {
    const id = await publish('fail');
    const dead = await told.first('dead-lettered');
    expect(dead).toMatchObject({ id, attempt: 2, reason: 'exhausted', error: new Error('not now') });
    expect(told.named('retried')).toMatchObject([
      { id, attempt: 1, delay: 100, error: new Error('not now') },
    ]);
    expect(told$(id)).toEqual(['received', 'retried', 'received', 'dead-lettered']);
  });

  test('that it was rejected, and is a dead letter', async () => {
    const id = await publish('reject');
    expect(await told.first('dead-lettered')).toMatchObject({ id, attempt: 1, reason: 'rejected' });
    expect(told$(id)).toEqual(['received', 'rejected', 'dead-lettered']);
  });

  test('that it was aborted', async () => {
    const id = await publish('abort');
    expect(await told.first('aborted')).toMatchObject({ id, error: expect.any(Abort) });
    expect(told$(id)).toEqual(['received', 'aborted']);
  });

  test('that no handler of the queue is for it', async () => {
    await stage.onChannel((channel) => channel.bindQueue(queue(), stage.playground.name, 'invoice.sent'));
    await stage.publish('invoice.sent');
    expect(await told.first('dead-lettered')).toMatchObject({ handler: null, reason: 'unmatched' });
  });

  test('when a consumer is lost and when it is back', async () => {
    await stage.onChannel((channel) => channel.deleteQueue(queue()));
    expect(await told.first('consumer-lost')).toMatchObject({
      queue: queue(),
      reason: 'the broker cancelled the consumer',
    });
    await told.first('consumer-recovered');
  });

  test('and settles the event all the same when a listener throws', async () => {
    for (const name of ['received', 'handled'] as const)
      app.app.get(OutboxLifecycle).on(name, () => {
        throw new Error('a listener with a bug');
      });
    const ids = [await publish('well'), await publish('well')];
    await eventually(() => told.named('handled').length === 2);
    expect(ids.map(told$)).toEqual([
      ['received', 'handled'],
      ['received', 'handled'],
    ]);
  });
});
