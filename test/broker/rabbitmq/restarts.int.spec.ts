import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { gate, openStage, type Stage } from '../../consume/stage.js';
import { eventually } from '../../support/outbox-app.js';
import { startRabbitMq, type RabbitMqNode } from '../../support/rabbitmq.mjs';

@Injectable()
class Worker {
  readonly seen: EventContext[] = [];
  readonly handled = new Set<string>();
  hold: Promise<void> | undefined;

  @OnEvent('job.#', { prefetch: 10, retry: ['100ms'] })
  async work(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    if (!context.redelivered) await this.hold;
    if (context.type === 'job.flaky' && context.attempt === 1) throw new Error('once');
    this.handled.add(context.id);
  }

  of(id: string): EventContext[] {
    return this.seen.filter((context) => context.id === id);
  }
}

describe('consuming survives', () => {
  let node: RabbitMqNode;
  let stage: Stage;
  let worker: Worker;
  let queue: string;
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => void unhandled.push(reason);

  beforeAll(async () => {
    process.on('unhandledRejection', onUnhandled);
    node = await startRabbitMq({ config: 'consumer_timeout = 1000' });
  });

  afterAll(async () => {
    process.off('unhandledRejection', onUnhandled);
    await node?.close();
  });

  beforeEach(async () => {
    stage = await openStage({ rabbitUrl: node.url, ownBroker: true });
    queue = stage.queue('Worker.work');
    const { app } = await stage.start({ providers: [Worker], options: { shutdownTimeout: '2s' } });
    worker = app.get(Worker);
  });

  afterEach(async () => {
    await stage.close();
    if (unhandled.length > 0) throw new AggregateError(unhandled.splice(0), 'unhandled rejections');
  });

  async function expectWorking(): Promise<void> {
    const id = await stage.publish('job.after');
    await eventually(() => worker.handled.has(id));
  }

  async function publishMany(type: string, count: number): Promise<string[]> {
    return Promise.all(Array.from({ length: count }, () => stage.publish(type)));
  }

  const handledAll = (ids: readonly string[]) =>
    eventually(() => ids.every((id) => worker.handled.has(id)), 40_000);

  test.each<[string, () => Promise<void>]>([
    ['a graceful restart', () => node.restart()],
    ['kill -9 and a start', () => node.kill().then(() => node.start())],
    ['an end and a start of the broker alone', () => node.stopApp().then(() => node.startApp())],
  ])('%s of the broker under load: nothing is lost, retries included', async (_how, restart) => {
    const ids = [...(await publishMany('job.plain', 100)), ...(await publishMany('job.flaky', 50))];
    await node.flush();
    await restart();
    await handledAll(ids);
    await expectWorking();
  });

  test('an administrator who closes all connections', async () => {
    const ids = await publishMany('job.plain', 20);
    await node.ctl('close_all_connections', 'maintenance');
    await handledAll(ids);
    await expectWorking();
  });

  test('a channel that the broker closes because a handler takes too long: the event is handled again', async () => {
    // Consumers that hold a message for too long are looked for every minute, unless channels are told otherwise.
    await node.ctl('eval', 'application:set_env(rabbit, channel_tick_interval, 300).');
    await node.ctl('close_all_connections', 'new channels, please');
    await expectWorking();
    const { opened, open } = gate();
    worker.hold = opened;
    const id = await stage.publish('job.slow');
    const [first, second] = await eventually(() => worker.of(id).length === 2 && worker.of(id));
    expect(first?.signal.aborted).toBe(true);
    expect(second).toMatchObject({ redelivered: true, attempt: 1 });
    open();
    await expectWorking();
  });

  test('the deletion of its queue, which is back with its bindings', async () => {
    await stage.onChannel((channel) => channel.deleteQueue(queue));
    await eventually(async () => (await consumers()) === 1);
    await expectWorking();
  });

  test('the deletion of its queue again and again', async () => {
    for (let round = 0; round < 5; round++) {
      await stage.onChannel((channel) => channel.deleteQueue(queue));
      await eventually(async () => (await consumers()) === 1);
    }
    await expectWorking();
  });

  test('the deletion of its queue under a running handler, which can end in peace', async () => {
    const { opened, open } = gate();
    worker.hold = opened;
    const id = await stage.publish('job.slow');
    await eventually(() => worker.of(id).length === 1);
    await stage.onChannel((channel) => channel.deleteQueue(queue));
    await eventually(async () => (await consumers()) === 1);
    expect(worker.of(id)[0]?.signal.aborted).toBe(false);
    open();
    await expectWorking();
    expect(worker.of(id)).toHaveLength(1);
  });

  /** `undefined` while there is no queue. */
  async function consumers(): Promise<number | undefined> {
    return stage.look(queue).then(
      ({ consumerCount }) => consumerCount,
      () => undefined,
    );
  }
});
