import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { OutboxOptions } from 'nestjs-rabbitmq-outbox';
import { createPlayground, startApp, type Playground, type TestApp } from '../support/outbox-app.js';
import { recordLifecycle } from './recorder.js';

describe('the relay tells', () => {
  let playground: Playground;
  let app: TestApp;

  beforeEach(async () => {
    playground = await createPlayground();
  });
  afterEach(async () => {
    await app?.close();
    await playground?.close();
  });

  async function start(options: Partial<OutboxOptions> = {}) {
    app = await startApp(playground, { options });
    const channel = await playground.channel();
    const queue = `${playground.name}.bound`;
    playground.remember('queue', queue);
    await channel.assertQueue(queue);
    await channel.bindQueue(queue, playground.name, 'order.#');
    return recordLifecycle(app);
  }

  test('what was published, at which attempt, emitted when, one message per batch', async () => {
    const told = await start();
    app.relay.pause();
    const ids = [
      await app.emit('order.placed', { card: '4111' }, { key: 'k' }),
      await app.emit('order.paid'),
    ];
    app.relay.resume();
    const { events } = await told.first('published');
    const byType = [...events].sort((a, b) => (a.type < b.type ? 1 : -1));
    expect(byType).toMatchObject([
      { id: ids[0], type: 'order.placed', key: 'k', attempt: 1 },
      { id: ids[1], type: 'order.paid', key: null, attempt: 1 },
    ]);
    for (const { occurredAt } of events) expect(Math.abs(Date.now() - occurredAt)).toBeLessThan(60_000);
    expect(JSON.stringify(told.messages)).not.toContain('4111');
    const settled = await told.first('batch-settled');
    expect(settled).toMatchObject({ published: 2, failed: 0, unknown: 0 });
    expect(settled.duration).toBeGreaterThan(0);
    const ofRelay = told.names().filter((name) => name === 'emitted' || name.startsWith('relay-'));
    expect(ofRelay).toEqual(['relay-paused', 'emitted', 'emitted', 'relay-resumed']);
  });

  test('what no queue is bound for, and that it counts as published when it is only recorded', async () => {
    const told = await start();
    const id = await app.emit('nobody.listens');
    expect((await told.first('unroutable')).events).toEqual([{ id, type: 'nobody.listens', key: null }]);
    expect((await told.first('published')).events.map((event) => event.id)).toEqual([id]);
  });

  test('what failed, with the attempt, the error and the wait, and in the end that it is dead', async () => {
    const told = await start({
      rabbitmq: { unroutable: 'fail' },
      relay: { retry: { attempts: 2, backoff: { delay: 50, jitter: 'none' } } },
    });
    const id = await app.emit('nobody.listens');
    const { events } = await told.first('dead');
    expect(events).toMatchObject([{ id, type: 'nobody.listens', attempt: 2, delay: null }]);
    expect(told.named('publish-failed').map((message) => message.events)).toMatchObject([
      [{ id, attempt: 1, delay: 50, error: expect.stringContaining('UnroutableEventError') }],
      [{ id, attempt: 2, delay: null }],
    ]);
    expect(told.named('unroutable')).toHaveLength(2);
    expect(told.named('published')).toEqual([]);
  });

  test('when its breaker opens and closes', async () => {
    const told = await start();
    const table = `${playground.name}.outbox`;
    await playground.sql(`ALTER TABLE ${table} RENAME TO outbox_away`);
    const { reason } = await told.first('breaker-opened');
    expect(reason).toContain('does not exist');
    await playground.sql(`ALTER TABLE ${playground.name}.outbox_away RENAME TO outbox`);
    await told.first('breaker-closed');
  });

  test('how many rows it pruned', async () => {
    const told = await start({ retention: '1s' });
    await app.emit('order.placed');
    await told.first('published');
    expect(await told.first('pruned')).toMatchObject({ count: 1 });
  });
});
