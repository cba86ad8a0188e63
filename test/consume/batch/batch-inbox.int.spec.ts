import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventBatch, OnEvent, OutboxService, Reject } from 'nestjs-rabbitmq-outbox';
import { recordLifecycle } from '../../lifecycle/recorder.js';
import { eventually, type TestAppSettings } from '../../support/outbox-app.js';
import { openLedger, type Ledger } from '../ledger.js';
import { gate, openStage, type Stage } from '../stage.js';

let ledger: Ledger;

@Injectable()
class Worker {
  readonly batches: string[][] = [];
  act: (batch: EventBatch) => unknown = () => undefined;

  constructor(private readonly outbox: OutboxService) {}

  @OnEvent('job', { inbox: true, batch: { size: 4, wait: '300ms' }, retry: ['100ms', '100ms'] })
  async work(_payloads: unknown[], batch: EventBatch): Promise<void> {
    this.batches.push(batch.contexts.map(({ id }) => id));
    for (const context of batch) await ledger.write(context, 'done', batch.manager);
    await this.outbox.emit('worked', { size: batch.size });
    await this.act(batch);
  }
}

describe('a handler of batches with an inbox', () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await openStage();
    ledger = await openLedger(stage.playground);
  });

  afterEach(() => stage.close());

  async function start(settings: TestAppSettings = {}) {
    const app = await stage.start({ providers: [Worker], ...settings });
    return { ...app, worker: app.app.get(Worker), told: recordLifecycle(app) };
  }

  const send = async (...ids: string[]) => {
    for (const messageId of ids) await stage.publish('job', {}, { messageId });
  };
  const remembers = (...ids: string[]) =>
    eventually(async () => (await ledger.remembered()).toSorted().join() === ids.toSorted().join());

  test('commits what it writes, the memory of all of them, and what it emits, in one transaction', async () => {
    const { worker } = await start();
    const { opened, open } = gate();
    worker.act = () => opened;
    await send('a', 'b', 'c', 'd');
    await eventually(() => worker.batches.length === 1);
    expect(await ledger.of('a')).toEqual([]);
    open();
    await remembers('a', 'b', 'c', 'd');
    for (const id of ['a', 'b', 'c', 'd']) expect(await ledger.of(id)).toEqual(['done']);
    expect(await ledger.emitted()).toEqual(['worked']);
  });

  test('is given each event once, whether it was handled before or is there twice', async () => {
    const { worker, told } = await start();
    await send('a', 'a', 'b', 'b');
    await remembers('a', 'b');
    await send('b', 'c', 'a', 'c');
    await remembers('a', 'b', 'c');
    await eventually(() => told.named('duplicate').length === 5);
    expect(worker.batches).toEqual([['a', 'b'], ['c']]);
    for (const id of ['a', 'b', 'c']) expect(await ledger.of(id)).toEqual(['done']);
    await send('a', 'b', 'c', 'a');
    await eventually(() => told.named('duplicate').length === 9);
    expect(worker.batches).toHaveLength(2);
  });

  test('forgets the events that it says have failed, and commits the others', async () => {
    const { worker } = await start();
    worker.act = (batch) => {
      const index = batch.contexts.findIndex(({ id, attempt }) => id === 'b' && attempt === 1);
      if (index >= 0) batch.fail(index, new Error('not yet'));
    };
    await send('a', 'b', 'c', 'd');
    await remembers('a', 'b', 'c', 'd');
    expect(worker.batches).toEqual([['a', 'b', 'c', 'd'], ['b']]);
    expect(await ledger.of('a')).toEqual(['done']);
  });

  test('undoes all of it when it throws, and remembers nothing', async () => {
    const { worker } = await start();
    worker.act = () => {
      if (worker.batches.length === 1) throw new Error('once');
    };
    await send('a', 'b', 'c', 'd');
    await remembers('a', 'b', 'c', 'd');
    expect(worker.batches.flat().filter((id) => id === 'a')).toHaveLength(2);
    for (const id of ['a', 'b', 'c', 'd']) expect(await ledger.of(id)).toEqual(['done']);
  });

  test('makes no dead letter of what was handled before, though the rest of its batch is', async () => {
    const { worker, told } = await start();
    await send('a');
    await remembers('a');
    worker.act = () => {
      throw new Reject('all of it');
    };
    await send('a', 'b', 'c', 'a');
    const queue = stage.queue('Worker.work');
    const letters = [await stage.deadLetter(queue), await stage.deadLetter(queue)];
    expect(letters.map(({ properties }) => properties.messageId as string).toSorted()).toEqual(['b', 'c']);
    await eventually(() => told.named('duplicate').length === 2);
    expect(await stage.take(`${queue}.dlq`)).toBeUndefined();
  });

  test('of two that have the same events at once, each event is handled by one', async () => {
    const [one, two] = [await start(), await start()];
    const { opened, open } = gate();
    one.worker.act = two.worker.act = () => opened;
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    await send(...ids, ...ids.toReversed());
    await eventually(() => one.worker.batches.length + two.worker.batches.length >= 2);
    open();
    await remembers(...ids);
    for (const id of ids) expect(await ledger.of(id)).toEqual(['done']);
    const count = () => one.told.named('duplicate').length + two.told.named('duplicate').length;
    await eventually(() => count() === ids.length);
    expect((await stage.look(stage.queue('Worker.work'))).messageCount).toBe(0);
  });
});
