import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent, OutboxConsumers, UnknownHandlerError } from 'nestjs-rabbitmq-outbox';
import { startProxy } from '../broker/rabbitmq/proxy.js';
import { recordLifecycle } from '../lifecycle/recorder.js';
import { eventually, type TestAppSettings } from '../support/outbox-app.js';
import { gate, openStage, type Stage } from './stage.js';

@Injectable()
class Worker {
  readonly begun: EventContext[] = [];
  readonly ended: string[] = [];
  hold: Promise<void> | undefined;

  @OnEvent('job', { prefetch: 20, concurrency: 2 })
  async work(_payload: unknown, context: EventContext): Promise<void> {
    this.begun.push(context);
    await this.hold;
    this.ended.push(context.id);
  }

  @OnEvent('other', { queue: 'others' })
  other(_payload: unknown, context: EventContext): void {
    this.ended.push(context.id);
  }
}

describe('OutboxConsumers', () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await openStage();
  });

  afterEach(() => stage.close());

  async function start(settings: TestAppSettings = {}) {
    const app = await stage.start({ providers: [Worker], ...settings });
    return {
      ...app,
      worker: app.app.get(Worker),
      consumers: app.app.get(OutboxConsumers),
      told: recordLifecycle(app),
    };
  }

  const publish = (count: number) => Promise.all(Array.from({ length: count }, () => stage.publish('job')));
  const waiting = async () => (await stage.look(stage.queue('Worker.work'))).messageCount;

  test('pause() lets finish what runs, gives back what has not begun, and resolves when all is still', async () => {
    const { worker, consumers } = await start();
    const { opened, open } = gate();
    worker.hold = opened;
    await publish(10);
    await eventually(async () => worker.begun.length === 2 && (await waiting()) === 0);
    let still = false;
    const pausing = consumers.pause().then(() => (still = true));
    await eventually(async () => (await waiting()) === 8);
    expect(still).toBe(false);
    open();
    await pausing;
    expect(worker.ended).toHaveLength(2);
    await publish(1);
    expect(await waiting()).toBe(9);
  });

  test('resume() goes on with what waits: nothing is lost, nothing handled twice, no attempt spent', async () => {
    const { worker, consumers } = await start();
    const { opened, open } = gate();
    worker.hold = opened;
    const ids = await publish(10);
    await eventually(() => worker.begun.length === 2);
    const pausing = consumers.pause();
    open();
    await pausing;
    ids.push(...(await publish(5)));
    consumers.resume();
    await eventually(() => worker.ended.length === 15);
    expect(new Set(worker.ended)).toEqual(new Set(ids));
    expect(worker.begun.every(({ attempt }) => attempt === 1)).toBe(true);
    await eventually(async () => (await waiting()) === 0);
  });

  test.each(['Worker.work', 'queue'])('pauses one handler by its %s, and leaves others alone', async (by) => {
    const { worker, consumers } = await start();
    await consumers.pause(by === 'queue' ? stage.queue('Worker.work') : by);
    await publish(1);
    const other = await stage.publish('other');
    await eventually(() => worker.ended.includes(other));
    expect(worker.begun).toEqual([]);
    expect(consumers.states).toEqual([
      expect.objectContaining({ handlers: ['Worker.work'], consuming: false, paused: true, running: 0 }),
      expect.objectContaining({ queue: 'others', consuming: true, paused: false }),
    ]);
    consumers.resume(by === 'queue' ? stage.queue('Worker.work') : by);
    await eventually(() => worker.begun.length === 1);
  });

  test('refuses what this process does not have, and names what it has', async () => {
    const { consumers } = await start();
    await expect(consumers.pause('Worker.wrok')).rejects.toThrow(UnknownHandlerError);
    await expect(consumers.pause('Worker.wrok')).rejects.toThrow(
      /no queue "Worker\.wrok"\. It has Worker\.work, /,
    );
    expect(() => consumers.resume('Worker.wrok')).toThrow(UnknownHandlerError);
  });

  test('pausing leaves the events to other replicas', async () => {
    const [one, other] = [await start(), await start()];
    await one.consumers.pause();
    const ids = await publish(10);
    await eventually(() => other.worker.ended.length === 10);
    expect(new Set(other.worker.ended)).toEqual(new Set(ids));
    expect(one.worker.begun).toEqual([]);
  });

  test('can be told again and again, and thinks better of it in between', async () => {
    const { worker, consumers } = await start();
    const pausing: Array<Promise<void>> = [];
    for (let round = 0; round < 5; round++) {
      pausing.push(consumers.pause());
      if (round % 2) pausing.push(consumers.pause());
      consumers.resume();
      consumers.resume();
    }
    await Promise.all(pausing);
    const ids = await publish(10);
    await eventually(() => worker.ended.length === 10);
    expect(new Set(worker.ended)).toEqual(new Set(ids));
    expect((await stage.look(stage.queue('Worker.work'))).consumerCount).toBe(1);
  });

  test('tells the lifecycle, once for each queue', async () => {
    const { consumers, told } = await start();
    await consumers.pause('Worker.work');
    consumers.resume();
    expect(told.named('consumer-paused').map(({ queue }) => queue)).toEqual([stage.queue('Worker.work')]);
    expect(told.named('consumer-resumed').map(({ queue }) => queue)).toEqual([stage.queue('Worker.work')]);
  });

  test('stays paused when the connection comes back, and resumes on the new one', async () => {
    const proxy = await startProxy(stage.playground.rabbitUrl);
    const rabbitmq = { url: proxy.url, connection: { reconnectDelay: 100 } };
    const { worker, consumers } = await start({ options: { rabbitmq } });
    await eventually(() => consumers.states.every(({ consuming }) => consuming));
    await consumers.pause('Worker.work');
    proxy.cut();
    const other = await stage.publish('other');
    await eventually(() => worker.ended.includes(other));
    await publish(1);
    expect(await waiting()).toBe(1);
    consumers.resume('Worker.work');
    await eventually(() => worker.begun.length === 1);
    await stage.close();
    await proxy.close();
    stage = await openStage();
  });

  test('does not hold up the end of the application', async () => {
    const { worker, consumers, close } = await start();
    const { opened, open } = gate();
    worker.hold = opened;
    await publish(5);
    await eventually(() => worker.begun.length === 2);
    const pausing = consumers.pause();
    const closing = close();
    open();
    await Promise.all([pausing, closing]);
    expect(worker.ended).toHaveLength(2);
    expect(await waiting()).toBe(3);
  });
});
