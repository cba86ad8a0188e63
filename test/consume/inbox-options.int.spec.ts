import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, InboxRequiredError, InvalidHandlerError, OnEvent } from 'nestjs-rabbitmq-outbox';
import { eventually, type TestAppSettings } from '../support/outbox-app.js';
import { openLedger, type Ledger } from './ledger.js';
import { openStage, type Stage } from './stage.js';

@Injectable()
class Worker {
  readonly seen: EventContext[] = [];
  act: (context: EventContext) => unknown = () => undefined;

  @OnEvent('job', { inbox: true })
  async job(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }

  @OnEvent('plain', { inbox: false, retry: false })
  async plain(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }

  @OnEvent('strict', { inbox: { isolation: 'SERIALIZABLE' } })
  async strict(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }

  @OnEvent('whatever', { retry: false })
  async whatever(_payload: unknown, context: EventContext): Promise<void> {
    this.seen.push(context);
    await this.act(context);
  }

  of(id: string): EventContext[] {
    return this.seen.filter((context) => context.id === id);
  }
}

@Injectable()
class Other extends Worker {}

describe('the inbox', () => {
  let stage: Stage;
  let ledger: Ledger;

  beforeEach(async () => {
    stage = await openStage();
    ledger = await openLedger(stage.playground);
  });

  afterEach(() => stage.close());

  async function start(settings: TestAppSettings = {}) {
    const app = await stage.start({ providers: [Worker], ...settings });
    return { ...app, worker: app.app.get(Worker) };
  }

  test('can be asked for by all handlers, and left out by one', async () => {
    const { worker } = await start({ options: { consumers: { inbox: true } } });
    const remembered = await stage.publish('whatever');
    const forgotten = await stage.publish('plain');
    await eventually(() => worker.of(forgotten).length === 1);
    await eventually(async () => (await ledger.remembered()).length === 1);
    expect(await ledger.remembered()).toEqual([remembered]);
  });

  test('that was not asked for gives no manager, and says what is missing', async () => {
    const { worker } = await start();
    const errors: unknown[] = [];
    worker.act = (context) => {
      try {
        return context.manager;
      } catch (error) {
        errors.push(error);
        throw error;
      }
    };
    await stage.publish('whatever');
    const { properties } = await stage.deadLetter(stage.queue('Worker.whatever'));
    expect(errors).toEqual([expect.any(InboxRequiredError)]);
    expect(properties.headers?.['outbox-error-message']).toMatch(/give it { inbox: true }/);
  });

  test('runs with the isolation level it is given', async () => {
    const { worker } = await start();
    const levels: string[] = [];
    worker.act = async ({ manager }) => {
      const rows = await manager.query<Array<{ level: string }>>(
        `SELECT current_setting('transaction_isolation') AS level`,
      );
      levels.push(...rows.map(({ level }) => level));
    };
    await stage.publish('strict');
    await eventually(() => levels.length === 1);
    expect(levels).toEqual(['serializable']);
  });

  test('tells apart what several handlers do with one event', async () => {
    const { worker, app } = await start({ providers: [Worker, Other] });
    const id = await stage.publish('job');
    await eventually(async () => (await ledger.remembered()).length === 2);
    expect([worker.of(id).length, app.get(Other).of(id).length]).toEqual([1, 1]);
  });

  test('lets every event be handled that has no id, for it cannot know them again', async () => {
    const { worker } = await start();
    worker.act = (context) => context.manager.query('SELECT 1');
    for (let copy = 0; copy < 3; copy++) await stage.send(stage.queue('Worker.job'), '{}');
    await eventually(() => worker.of('').length === 3);
    expect(await ledger.remembered()).toEqual([]);
  });

  test('must remember for longer than a retry waits, or the start fails', async () => {
    const refused = start({ options: { inboxRetention: '5m' } });
    await expect(refused).rejects.toThrow(InvalidHandlerError);
    await expect(refused).rejects.toThrow(
      /Worker\.job: its longest retry waits 5m, and inboxRetention is 5m: .* Give the inbox more/,
    );
  });
});
