import { Injectable } from '@nestjs/common';
import { jest, afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Channel, Message } from 'amqplib';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { RabbitConnection } from '../../../lib/broker/rabbitmq/connection.js';
import { gate, openStage, type Stage } from '../../consume/stage.js';
import { eventually, type TestApp } from '../../support/outbox-app.js';
import { startProxy, type Proxy } from './proxy.js';

@Injectable()
class Worker {
  readonly seen: EventContext[] = [];
  hold: Promise<void> | undefined;

  @OnEvent('job.#', { prefetch: 10 })
  async work(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    if (!context.redelivered) await this.hold;
  }

  @OnEvent('other.#')
  other(_payload: unknown, context: EventContext): void {
    this.seen.push(context);
  }

  of(id: string): EventContext[] {
    return this.seen.filter((context) => context.id === id);
  }
}

describe('consuming goes on', () => {
  let stage: Stage;
  let proxy: Proxy;
  let app: TestApp;
  let worker: Worker;
  /** By queue, the channel it was last consumed on. */
  const consumers = new Map<string, Channel>();
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => void unhandled.push(reason);

  beforeAll(() => {
    process.on('unhandledRejection', onUnhandled);
    const open = Reflect.get(RabbitConnection.prototype, 'openChannel') as () => Promise<Channel>;
    jest.spyOn(RabbitConnection.prototype, 'openChannel').mockImplementation(async function (
      this: RabbitConnection,
    ) {
      const channel = await open.call(this);
      // A common habit: with it, amqplib keeps the connection when a channel fails.
      channel.on('error', () => undefined);
      const consume = channel.consume.bind(channel);
      channel.consume = (queue, ...rest) => {
        consumers.set(queue, channel);
        return consume(queue, ...rest);
      };
      return channel;
    });
  });

  afterAll(() => {
    process.off('unhandledRejection', onUnhandled);
    jest.restoreAllMocks();
  });

  beforeEach(async () => {
    stage = await openStage();
    proxy = await startProxy(stage.playground.rabbitUrl);
    const connection = { reconnectDelay: 100, heartbeat: '1s' };
    app = await stage.start({
      providers: [Worker],
      options: { rabbitmq: { url: proxy.url, connection }, shutdownTimeout: '5s' },
    });
    worker = app.app.get(Worker);
  });

  afterEach(async () => {
    await stage.close();
    await proxy.close();
    if (unhandled.length > 0) throw new AggregateError(unhandled, 'unhandled rejections');
  });

  const handled = (id: string) => eventually(() => worker.of(id).length > 0);

  async function expectWorking(): Promise<void> {
    await handled(await stage.publish('job.after'));
    await handled(await stage.publish('other.after'));
  }

  /** An event whose handler has begun and not ended; and what ends it. */
  async function running() {
    const { opened, open } = gate();
    worker.hold = opened;
    const id = await stage.publish('job.running');
    await handled(id);
    return { id, end: open, first: worker.of(id)[0] as EventContext };
  }

  test('when the connection is cut', async () => {
    proxy.cut();
    await expectWorking();
  });

  test('after the broker was away, with what was sent meanwhile', async () => {
    await proxy.refuse();
    const meanwhile = await stage.publish('job.meanwhile');
    await proxy.accept();
    await handled(meanwhile);
    await expectWorking();
  });

  test('when the peer stops answering without closing anything', async () => {
    proxy.stall();
    await expectWorking();
  });

  test('when connections are cut again and again', async () => {
    for (let round = 0; round < 10; round++) {
      const id = await stage.publish(`job.${round}`);
      proxy.cut();
      await handled(id);
    }
    await expectWorking();
  });

  test('and a running handler is told that its event was taken away; its late ack is dropped', async () => {
    const { id, end, first } = await running();
    expect(first.signal.aborted).toBe(false);
    proxy.cut();
    const [, second] = await eventually(() => worker.of(id).length === 2 && worker.of(id));
    expect(first.signal.aborted).toBe(true);
    expect(second).toMatchObject({ redelivered: true, attempt: 1 });
    expect(second?.signal.aborted).toBe(false);
    end();
    await expectWorking();
    await app.close();
    expect((await stage.look(stage.queue('Worker.work'))).messageCount).toBe(0);
    expect(worker.of(id)).toHaveLength(2);
  });

  test('and a handler that fails after its event was taken away leaves no second copy behind', async () => {
    const failure = gate();
    worker.hold = failure.opened.then(() => Promise.reject(new Error('too late')));
    worker.hold.catch(() => undefined);
    const id = await stage.publish('job.running');
    await handled(id);
    proxy.cut();
    await eventually(() => worker.of(id).length === 2);
    worker.hold = undefined;
    failure.open();
    await expectWorking();
    for (const delay of ['1s', '10s', '1m', '5m'])
      expect(await stage.take(`${stage.playground.name}.retry.${delay}`)).toBeUndefined();
  });

  test('when the broker closes a consumer’s channel, and only that one', async () => {
    const { id, end, first } = await running();
    // An ack for a delivery that never was: 406 PRECONDITION_FAILED.
    consumers.get(stage.queue('Worker.work'))?.ack({ fields: { deliveryTag: 999 } } as Message);
    const [, second] = await eventually(() => worker.of(id).length === 2 && worker.of(id));
    expect(first.signal.aborted).toBe(true);
    expect(second?.redelivered).toBe(true);
    end();
    await expectWorking();
    expect(proxy.connections).toBe(2);
  });
});

describe('publishing goes on', () => {
  test('when the peer stops answering, long before a heartbeat would tell: the connection is replaced', async () => {
    const stage = await openStage();
    const proxy = await startProxy(stage.playground.rabbitUrl);
    const { name } = stage.playground;
    const app = await stage.start({
      options: {
        rabbitmq: { url: proxy.url, connection: { heartbeat: '60s', reconnectDelay: 100 } },
        relay: { enabled: true, publishTimeout: '1s' },
      },
    });
    await stage.onChannel(async (channel) => {
      await channel.assertQueue(`${name}.tap`);
      await channel.bindQueue(`${name}.tap`, name, '#');
    });
    await app.emit('before');
    await eventually(() => stage.take(`${name}.tap`));
    proxy.stall();
    const id = await app.emit('after');
    // A slow answer has the one before come twice.
    const published = await eventually(async () => {
      const message = await stage.take(`${name}.tap`);
      return message?.properties.messageId === id && message;
    });
    expect(published.properties.type).toBe('after');
    await stage.close();
    await proxy.close();
  });
});
