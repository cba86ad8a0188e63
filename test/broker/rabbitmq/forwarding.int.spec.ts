import { Injectable } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { ConfirmChannel } from 'amqplib';
import { EventContext, OnEvent, type OutboxOptions } from 'nestjs-rabbitmq-outbox';
import { RabbitConnection } from '../../../lib/broker/rabbitmq/connection.js';
import { gate, openStage, type Stage } from '../../consume/stage.js';
import { eventually, type TestApp } from '../../support/outbox-app.js';
import { startRabbitMq, type RabbitMqNode } from '../../support/rabbitmq.mjs';

@Injectable()
class Worker {
  readonly attempts: string[] = [];
  hold: Promise<void> | undefined;

  @OnEvent('retried', { retry: ['100ms'] })
  retried(_payload: unknown, { id, attempt }: EventContext): void {
    this.attempts.push(`${id} ${attempt}`);
    if (attempt === 1) throw new Error('once');
  }

  @OnEvent(['dead', 'both'], { retry: false, prefetch: 50 })
  async dead(_payload: unknown, { id, attempt }: EventContext): Promise<void> {
    this.attempts.push(`${id} ${attempt}`);
    await this.hold;
    throw new Error('for good');
  }

  @OnEvent('both', { retry: false })
  both(): void {
    throw new Error('for good, too');
  }

  @OnEvent('fine')
  fine(_payload: unknown, { id, attempt }: EventContext): void {
    this.attempts.push(`${id} ${attempt}`);
  }
}

describe('a retry or a dead letter', () => {
  let node: RabbitMqNode;
  let stage: Stage;
  let app: TestApp;
  let worker: Worker;
  let queue: string;
  /** Channels that publish with confirms, as they were opened: the relay's two and the consumers' first. */
  const publishing: Array<{ channel: ConfirmChannel; closed: boolean }> = [];

  beforeAll(async () => {
    node = await startRabbitMq();
    const open = Reflect.get(
      RabbitConnection.prototype,
      'openConfirmChannel',
    ) as () => Promise<ConfirmChannel>;
    jest.spyOn(RabbitConnection.prototype, 'openConfirmChannel').mockImplementation(async function (
      this: RabbitConnection,
    ) {
      const opened = { channel: await open.call(this), closed: false };
      opened.channel.on('close', () => (opened.closed = true));
      publishing.push(opened);
      return opened.channel;
    });
  });

  afterAll(async () => {
    jest.restoreAllMocks();
    await node?.close();
  });

  beforeEach(async () => {
    publishing.length = 0;
    stage = await openStage({ rabbitUrl: node.url });
    queue = stage.queue('Worker.dead');
  });

  afterEach(() => stage.close());

  async function start(options: Partial<OutboxOptions> = {}): Promise<void> {
    app = await stage.start({ providers: [Worker], options });
    worker = app.app.get(Worker);
  }

  const deleteExchange = (name: string) =>
    stage.onChannel((channel) => channel.deleteExchange(`${stage.playground.name}.${name}`));
  const deleteQueue = (name: string) => stage.onChannel((channel) => channel.deleteQueue(name));
  const attempted = (id: string, attempt: number) =>
    eventually(() => worker.attempts.includes(`${id} ${attempt}`));

  /** Message ids of the next dead letters. */
  async function deadLetters(count: number): Promise<unknown[]> {
    const ids: unknown[] = [];
    while (ids.length < count) ids.push((await stage.deadLetter(queue)).properties.messageId);
    return ids;
  }

  async function expectRetried(): Promise<void> {
    await attempted(await stage.publish('retried'), 2);
  }

  async function expectDead(): Promise<void> {
    const id = await stage.publish('dead');
    expect((await stage.deadLetter(queue)).properties.messageId).toBe(id);
  }

  test('gets where it belongs when its exchange was deleted meanwhile, and costs the relay no channel', async () => {
    await start({ relay: { enabled: true } });
    await expectRetried();
    await expectDead();
    expect(publishing.length).toBe(3);
    await deleteExchange('retry.100ms');
    await expectRetried();
    await deleteExchange('dlx');
    await expectDead();
    // The consumers' is another by now; the relay's are still the ones it began with.
    expect(publishing.slice(0, 3).filter(({ closed }) => !closed).length).toBe(2);
    const id = await app.emit('fine');
    await attempted(id, 1);
  });

  test('gets where it belongs when its queue was deleted meanwhile', async () => {
    await start();
    await expectRetried();
    await expectDead();
    await deleteQueue(`${stage.playground.name}.retry.100ms`);
    await expectRetried();
    await deleteQueue(`${queue}.dlq`);
    await expectDead();
  });

  test('gets where it belongs when its binding was removed meanwhile', async () => {
    await start();
    await expectDead();
    await stage.onChannel((channel) =>
      channel.unbindQueue(`${queue}.dlq`, `${stage.playground.name}.dlx`, queue),
    );
    await expectDead();
  });

  test('of many at once gets there when all was deleted meanwhile, each once', async () => {
    await start();
    const { opened, open } = gate();
    worker.hold = opened;
    const ids = await Promise.all(Array.from({ length: 40 }, () => stage.publish('dead')));
    await eventually(() => worker.attempts.length === ids.length);
    await deleteExchange('dlx');
    await deleteQueue(`${queue}.dlq`);
    open();
    const letters = await deadLetters(ids.length);
    expect(new Set(letters)).toEqual(new Set(ids));
    await app.close();
    expect((await stage.look(queue)).messageCount).toBe(0);
    expect((await stage.look(`${queue}.dlq`)).messageCount).toBe(0);
  });

  test('that cannot get there keeps its original, which is not handled again; others flow', async () => {
    await start();
    await app.close();
    await deleteExchange('dlx');
    await start({ rabbitmq: { topology: 'none', url: node.url, exchange: stage.playground.name } });
    const stuck = await stage.publish('dead');
    await attempted(stuck, 1);
    await attempted(await stage.publish('fine'), 1);
    await expectRetried();
    // Somebody puts it right: it moves on by itself.
    await stage.onChannel(async (channel) => {
      await channel.assertExchange(`${stage.playground.name}.dlx`, 'direct', { durable: true });
      await channel.bindQueue(`${queue}.dlq`, `${stage.playground.name}.dlx`, queue);
    });
    expect((await stage.deadLetter(queue)).properties.messageId).toBe(stuck);
    expect(worker.attempts.filter((attempt) => attempt.startsWith(stuck))).toEqual([`${stuck} 1`]);
  });

  test('that cannot get there by the end goes back to its queue', async () => {
    await start();
    await app.close();
    await deleteExchange('dlx');
    const rabbitmq = { topology: 'none' as const, url: node.url, exchange: stage.playground.name };
    await start({ rabbitmq, shutdownTimeout: '500ms' });
    const stuck = await stage.publish('dead');
    await attempted(stuck, 1);
    await app.close();
    const back = await stage.take(queue);
    expect(back?.properties.messageId).toBe(stuck);
    expect(back?.fields.redelivered).toBe(true);
  });

  test('of one event that two handlers refuse is not mistaken for the other', async () => {
    await start();
    const other = stage.queue('Worker.both');
    for (let round = 0; round < 10; round++) {
      await stage.onChannel((channel) =>
        channel.unbindQueue(`${other}.dlq`, `${stage.playground.name}.dlx`, other),
      );
      const id = await stage.publish('both');
      expect((await stage.deadLetter(queue)).properties.messageId).toBe(id);
      expect((await stage.deadLetter(other)).properties.messageId).toBe(id);
    }
    for (const name of [queue, other]) expect((await stage.look(`${name}.dlq`)).messageCount).toBe(0);
  });

  test('waits while an alarm blocks publishing, and is there once when it ends', async () => {
    await start({ relay: { publishTimeout: 1_000 } });
    const { opened, open } = gate();
    worker.hold = opened;
    const ids = await Promise.all(Array.from({ length: 20 }, () => stage.publish('dead')));
    await eventually(() => worker.attempts.length === ids.length);
    await node.alarm(true);
    open();
    await eventually(async () => (await node.connectionStates()).includes('blocked'));
    // Longer than time-outs, which are long enough for a busy broker to confirm: what it does not is sent twice.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await node.connectionStates()).toContain('blocked');
    await node.alarm(false);
    const letters = await deadLetters(ids.length);
    expect(new Set(letters)).toEqual(new Set(ids));
    await app.close();
    for (const name of [queue, `${queue}.dlq`]) expect((await stage.look(name)).messageCount).toBe(0);
  });

  test('that an alarm holds up does not hold up the end: its original goes back to its queue', async () => {
    await start({ shutdownTimeout: '500ms' });
    const { opened, open } = gate();
    worker.hold = opened;
    const id = await stage.publish('dead');
    await attempted(id, 1);
    await node.alarm(true);
    open();
    await eventually(async () => (await node.connectionStates()).includes('blocked'));
    const began = performance.now();
    await app.close();
    expect(performance.now() - began).toBeLessThan(15_000);
    await node.alarm(false);
    expect((await stage.take(queue))?.properties.messageId).toBe(id);
  });

  test('of a message that another user signed is sent on, without that signature', async () => {
    await start();
    await node.ctl('add_user', 'alice', 'secret');
    await node.ctl('set_permissions', 'alice', '.*', '.*', '.*');
    const url = new URL(node.url);
    Object.assign(url, { username: 'alice', password: 'secret' });
    const alice = await openStage({ rabbitUrl: url.href });
    await alice.send(queue, '{}', { userId: 'alice', messageId: 'signed' });
    const letter = await stage.deadLetter(queue);
    expect(letter.properties).toMatchObject({ messageId: 'signed', userId: undefined });
    await alice.close();
  });
});
