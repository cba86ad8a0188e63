import { Injectable } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { IsInt } from 'class-validator';
import { Abort, EventBatch, OnEvent, OutboxConsumers, OutboxService, Reject } from 'nestjs-rabbitmq-outbox';
import { recordLifecycle } from '../../lifecycle/recorder.js';
import { eventually, type TestAppSettings } from '../../support/outbox-app.js';
import { gate, openStage, type Stage } from '../stage.js';

class Reading {
  @IsInt()
  n!: number;
}

@Injectable()
class Worker {
  readonly batches: Array<{ readonly ns: number[]; readonly batch: EventBatch }> = [];
  readonly parts: unknown[] = [];
  readonly bodies: Buffer[][] = [];
  act: (batch: EventBatch, ns: number[]) => unknown = () => undefined;

  constructor(private readonly outbox: OutboxService) {}

  @OnEvent('reading', { batch: { size: 5, wait: '200ms', of: Reading }, retry: ['100ms'] })
  async read(readings: Reading[], batch: EventBatch): Promise<void> {
    if (readings.some((reading) => !(reading instanceof Reading))) throw new Reject('no instance');
    await this.note(readings, batch);
  }

  @OnEvent('patient', { batch: { size: 3, wait: '10m' } })
  async patient(readings: Reading[], batch: EventBatch): Promise<void> {
    await this.note(readings, batch);
  }

  @OnEvent('hasty', { batch: { size: 10, wait: 0 }, timeout: '200ms', retry: false, concurrency: 1 })
  async hasty(readings: Reading[], batch: EventBatch): Promise<void> {
    await this.note(readings, batch);
  }

  @OnEvent('part', { batch: { size: 2 } })
  part(@Payload('n') ns: number[], @Payload() all: unknown[], @Ctx() batch: EventBatch): void {
    this.parts.push(ns, all, batch);
  }

  @OnEvent('body', { batch: { size: 2, of: Buffer } })
  body(bodies: Buffer[]): void {
    this.bodies.push(bodies);
  }

  @OnEvent('forward', { batch: { size: 2 } })
  async forward(_readings: unknown[], _batch: EventBatch): Promise<void> {
    await this.outbox.transaction(() => this.outbox.emit('forwarded', {}));
  }

  private async note(readings: Reading[], batch: EventBatch): Promise<void> {
    const ns = readings.map(({ n }) => n);
    this.batches.push({ ns, batch });
    await this.act(batch, ns);
  }
}

describe('a handler of batches', () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await openStage();
  });

  afterEach(() => stage.close());

  async function start(settings: TestAppSettings = {}) {
    const app = await stage.start({ providers: [Worker], ...settings });
    return { ...app, worker: app.app.get(Worker), told: recordLifecycle(app) };
  }

  async function send(type: string, ...ns: unknown[]): Promise<string[]> {
    const ids: string[] = [];
    for (const n of ns) ids.push(await stage.publish(type, { n }));
    return ids;
  }

  const seen = (worker: Worker) => worker.batches.map(({ ns }) => ns);
  const queue = (method = 'read') => stage.queue(`Worker.${method}`);

  test('gets as many as are there, up to its size, in the order they came, with a context for each', async () => {
    const { app, worker } = await start();
    const consumers = app.get(OutboxConsumers);
    await consumers.pause('Worker.read');
    const ids = await send('reading', 1, 2, 3, 4, 5, 6, 7);
    consumers.resume('Worker.read');
    await eventually(() => worker.batches.length === 2);
    expect(seen(worker)).toEqual([
      [1, 2, 3, 4, 5],
      [6, 7],
    ]);
    const contexts = worker.batches.flatMap(({ batch }) => [...batch]);
    expect(contexts.map(({ id }) => id)).toEqual(ids);
    expect(contexts[0]).toMatchObject({ type: 'reading', attempt: 1, queue: queue() });
    expect(worker.batches.map(({ batch }) => batch.size)).toEqual([5, 2]);
    await app.close();
    expect(await stage.take(queue())).toBeUndefined();
  });

  test('waits for a batch to be complete as long as it may, and no longer', async () => {
    const { worker } = await start();
    await send('patient', 1, 2);
    await send('reading', 7);
    await eventually(() => worker.batches.length === 1);
    expect(seen(worker)).toEqual([[7]]);
    await send('patient', 3);
    await eventually(() => worker.batches.length === 2);
    expect(seen(worker)[1]).toEqual([1, 2, 3]);
  });

  test('that throws has all of its events retried, and again in vain made dead letters', async () => {
    const { worker } = await start();
    worker.act = () => {
      throw new Error('no');
    };
    await send('reading', 1, 2, 3, 4, 5);
    for (let letters = 0; letters < 5; letters++)
      expect((await stage.deadLetter(queue())).properties.headers).toMatchObject({
        'outbox-error-message': 'no',
        'outbox-attempt': 2,
      });
    const attempts = worker.batches.map(({ batch }) => batch.contexts[0]?.attempt);
    expect(attempts[0]).toBe(1);
    // The second attempt together, and then, before it costs them all, each alone.
    expect(seen(worker).filter(({ length }) => length === 1)).toHaveLength(5);
  });

  test('loses none of the others because of one that always fails', async () => {
    const { worker, told } = await start();
    worker.act = (_batch, ns) => {
      if (ns.includes(3)) throw new Error('not three');
    };
    await send('reading', 1, 2, 3, 4, 5);
    const letter = await stage.deadLetter(queue());
    expect(JSON.parse(letter.content.toString())).toEqual({ n: 3 });
    await eventually(() => told.named('handled').length === 4);
    expect(told.named('dead-lettered')).toHaveLength(1);
    expect(await stage.take(`${queue()}.dlq`)).toBeUndefined();
  });

  test('tells of single events that they failed, and the others are handled', async () => {
    const { worker, told } = await start();
    worker.act = (batch, ns) => {
      ns.forEach((n, index) => {
        const { attempt } = batch.contexts[index] as { attempt: number };
        if (n === 2 && attempt === 1) batch.fail(index, new Error('later'));
        if (n === 3) batch.reject(index, new Error('never'));
        if (n === 4) batch.fail(index, new Abort('not needed'));
        if (n === 5) batch.reject(index, 'refused');
      });
    };
    await send('reading', 1, 2, 3, 4, 5);
    const letters = [await stage.deadLetter(queue()), await stage.deadLetter(queue())];
    const errors = letters.map(({ properties }) => properties.headers?.['outbox-error-message'] as string);
    expect(errors.toSorted()).toEqual(['never', 'refused']);
    await eventually(() => told.named('handled').length === 2);
    expect(told.named('aborted')).toHaveLength(1);
    expect(told.named('retried')).toHaveLength(1);
    expect(seen(worker)).toEqual([[1, 2, 3, 4, 5], [2]]);
  });

  test('that tells of an event that is not there has failed', async () => {
    const { worker } = await start();
    worker.act = (batch) => batch.fail(batch.size, new Error('no'));
    await send('reading', 1);
    expect((await stage.deadLetter(queue())).properties.headers).toMatchObject({
      'outbox-error-type': 'RangeError',
    });
  });

  test('that rejects rejects all of them, at once', async () => {
    const { worker } = await start();
    worker.act = () => {
      throw new Reject('all of it');
    };
    await send('reading', 1, 2, 3, 4, 5);
    for (let letters = 0; letters < 5; letters++) await stage.deadLetter(queue());
    expect(worker.batches.every(({ batch }) => batch.contexts.every(({ attempt }) => attempt === 1))).toBe(
      true,
    );
  });

  test('does not get what breaks the rules, or cannot be decoded: those are dead letters, without the others', async () => {
    const { worker, told } = await start();
    await send('reading', 1, 'two', 3);
    await stage.send(queue(), '{', { contentType: 'application/json' });
    await send('reading', 4);
    const letters = [await stage.deadLetter(queue()), await stage.deadLetter(queue())];
    const types = letters.map(({ properties }) => properties.headers?.['outbox-error-type'] as string);
    expect(types.toSorted()).toEqual(['InvalidMessageError', 'UndecodableMessageError']);
    await eventually(() => told.named('handled').length === 3);
    expect(seen(worker).flat()).toEqual([1, 3, 4]);
  });

  test('is not called for a batch in which nothing is right', async () => {
    const { worker } = await start();
    await send('reading', 'one');
    await stage.deadLetter(queue());
    expect(worker.batches).toEqual([]);
  });

  test('gets parts of payloads, or bodies, when it asks for them', async () => {
    const { worker } = await start();
    await send('part', 1, 2);
    await send('body', 1, 2);
    await eventually(() => worker.parts.length === 3 && worker.bodies.length === 1);
    expect(worker.parts).toEqual([[1, 2], [{ n: 1 }, { n: 2 }], expect.any(EventBatch)]);
    expect(worker.bodies[0]?.map(String)).toEqual(['{"n":1}', '{"n":2}']);
  });

  test('that runs past its timeout has failed, and no other batch begins before it has ended', async () => {
    const { worker, told } = await start();
    const { opened, open } = gate();
    worker.act = (_batch, ns) => (ns.includes(1) ? opened : undefined);
    await send('hasty', 1);
    expect((await stage.deadLetter(queue('hasty'))).properties.headers).toMatchObject({
      'outbox-error-type': 'HandlerTimeoutError',
    });
    expect(worker.batches[0]?.batch.signal.aborted).toBe(true);
    await send('hasty', 2);
    await eventually(() => told.named('received').length === 2);
    expect(seen(worker)).toEqual([[1]]);
    open();
    await eventually(() => worker.batches.length === 2);
  });

  test('gives back what it has gathered when it is paused, or the process ends', async () => {
    const { app, worker, told } = await start();
    await send('patient', 1, 2);
    await eventually(() => told.named('received').length === 2);
    const consumers = app.get(OutboxConsumers);
    await consumers.pause('Worker.patient');
    await eventually(async () => (await stage.look(queue('patient'))).messageCount === 2);
    consumers.resume('Worker.patient');
    await eventually(() => told.named('received').length === 4);
    await app.close();
    expect((await stage.look(queue('patient'))).messageCount).toBe(2);
    expect(worker.batches).toEqual([]);
  });

  test('finishes the batch that runs when the process ends', async () => {
    const { app, worker } = await start();
    const { opened, open } = gate();
    worker.act = () => opened;
    await send('patient', 1, 2, 3);
    await eventually(() => worker.batches.length === 1);
    const closing = app.close();
    open();
    await closing;
    expect((await stage.look(queue('patient'))).messageCount).toBe(0);
  });

  test('emits events that belong to what its events have in common', async () => {
    await start();
    const tracked = (correlationId: string) => stage.publish('forward', {}, { correlationId });
    await tracked('one');
    await tracked('one');
    const { name } = stage.playground;
    const emitted = (count: number) =>
      eventually(async () => {
        const rows = await stage.playground.sql<{ correlation_id: string; cause: string }>(
          `SELECT correlation_id, headers::jsonb->>'outbox-causation-id' AS cause FROM ${name}.outbox ORDER BY seq`,
        );
        return rows.length === count && rows;
      });
    expect(await emitted(1)).toEqual([{ correlation_id: 'one', cause: null }]);
    await tracked('two');
    await tracked('three');
    expect((await emitted(2))[1]).toEqual({ correlation_id: null, cause: null });
    const alone = await tracked('four');
    expect((await emitted(3))[2]).toEqual({ correlation_id: 'four', cause: alone });
  });
});
