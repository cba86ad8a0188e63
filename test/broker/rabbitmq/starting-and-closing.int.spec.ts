import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { gate, openStage, type Stage } from '../../consume/stage.js';
import { eventually, type TestApp } from '../../support/outbox-app.js';
import { startProxy, type Proxy } from './proxy.js';

@Injectable()
class Worker {
  readonly seen: string[] = [];
  hold: Promise<void> | undefined;

  @OnEvent('job.#', { retry: ['1s'] })
  async work(_payload: unknown, { id }: EventContext): Promise<void> {
    this.seen.push(id);
    await this.hold;
  }
}

/** Far more than closing needs, and far less than waiting for a heartbeat or a handler would take. */
const PROMPT = 15_000;

describe('an app whose broker', () => {
  let stage: Stage;
  let proxy: Proxy;
  let apps: TestApp[];

  beforeEach(async () => {
    stage = await openStage();
    proxy = await startProxy(stage.playground.rabbitUrl);
    apps = [];
  });

  afterEach(async () => {
    await stage.close();
    await proxy.close();
  });

  async function start(shutdownTimeout = '1s'): Promise<{ app: TestApp; worker: Worker }> {
    const connection = { reconnectDelay: 100, heartbeat: '60s' };
    const app = await stage.start({
      providers: [Worker],
      options: { rabbitmq: { url: proxy.url, connection }, shutdownTimeout },
    });
    apps.push(app);
    return { app, worker: app.app.get(Worker) };
  }

  async function expectConsuming(worker: Worker): Promise<void> {
    // Its queue is there when it consumes, not before.
    await eventually(() =>
      stage.look(stage.queue('Worker.work')).then(
        ({ consumerCount }) => consumerCount === 1,
        () => false,
      ),
    );
    const id = await stage.publish('job.done');
    await eventually(() => worker.seen.includes(id));
  }

  async function expectPrompt(work: Promise<unknown>): Promise<void> {
    const began = performance.now();
    await work;
    expect(performance.now() - began).toBeLessThan(PROMPT);
  }

  test('is down starts all the same, and consumes when it comes up', async () => {
    await proxy.refuse();
    const { worker } = await start();
    await proxy.accept();
    await expectConsuming(worker);
  });

  test('accepts connections and never answers starts all the same, and closes promptly', async () => {
    proxy.swallow(true);
    const began = performance.now();
    const { app } = await start();
    expect(performance.now() - began).toBeLessThan(PROMPT);
    await expectPrompt(app.close());
  });

  test('is down before and after its start closes promptly', async () => {
    await proxy.refuse();
    const { app } = await start();
    await expectPrompt(app.close());
  });

  test('went away while it ran closes promptly', async () => {
    const { app, worker } = await start();
    await expectConsuming(worker);
    await proxy.refuse();
    await expectPrompt(app.close());
  });

  test('has stopped answering closes promptly, long before a heartbeat would tell', async () => {
    const { app, worker } = await start();
    await expectConsuming(worker);
    proxy.stall();
    await expectPrompt(app.close());
  });

  test('has stopped answering while a handler runs waits for it up to shutdownTimeout, and closes', async () => {
    const { app, worker } = await start();
    const { opened, open } = gate();
    worker.hold = opened;
    await stage.publish('job.slow');
    await eventually(() => worker.seen.length === 1);
    proxy.stall();
    await expectPrompt(app.close());
    open();
  });

  test('goes away in the middle of closing is closed all the same', async () => {
    const { app, worker } = await start('10s');
    const { opened, open } = gate();
    worker.hold = opened;
    await stage.publish('job.slow');
    await eventually(() => worker.seen.length === 1);
    const closing = app.close();
    await proxy.refuse();
    open();
    await expectPrompt(closing);
  });

  test('is there closes its connections, and once is enough', async () => {
    const { app } = await start();
    expect(proxy.connections).toBe(2);
    await Promise.all([app.close(), app.close()]);
    await app.close();
    await eventually(() => proxy.connections === 0);
  });

  test('drops the connection at any point of the start is waited for, not taken for an error', async () => {
    for (let bytes = 50; bytes < 3_000; bytes += 250) {
      proxy.cutAfter(bytes);
      const starting = start();
      // The first connections fail at that point, whatever was being said; later ones are let through.
      await eventually(() => proxy.connections > 0 || apps.length > 0);
      const { app, worker } = await starting;
      proxy.cutAfter(undefined);
      await expectConsuming(worker);
      await app.close();
    }
  });
});
