import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import pg from 'pg';
import { recordLifecycle } from '../lifecycle/recorder.js';
import { eventually } from '../support/outbox-app.js';
import { openLedger, type Ledger } from './ledger.js';
import { openStage, type Stage } from './stage.js';

const EVENTS = 200;
const PREFETCH = 15;

let ledger: Ledger;

@Injectable()
class Desk {
  handled = 0;

  @OnEvent('form', { inbox: true, prefetch: PREFETCH })
  async file(_payload: unknown, context: EventContext): Promise<void> {
    await ledger.write(context);
  }

  @OnEvent('form')
  count(): void {
    this.handled++;
  }
}

describe('a handler whose inbox is slow', () => {
  let stage: Stage;
  let blocker: pg.Client;

  beforeEach(async () => {
    stage = await openStage();
    ledger = await openLedger(stage.playground);
    blocker = new pg.Client(stage.playground.databaseUrl);
    await blocker.connect();
  });

  afterEach(async () => {
    await blocker.end();
    await stage.close();
  });

  test('takes no more than its prefetch, holds up nobody else, and goes on where it was', async () => {
    const { app, ...started } = await stage.start({ providers: [Desk] });
    const told = recordLifecycle({ app, ...started });
    const desk = app.get(Desk);
    await blocker.query(`BEGIN; LOCK TABLE ${stage.playground.name}.outbox_inbox IN ACCESS EXCLUSIVE MODE`);
    const ids = await Promise.all(Array.from({ length: EVENTS }, () => stage.publish('form')));
    await eventually(() => desk.handled === EVENTS);
    const ready = async () => (await stage.look(stage.queue('Desk.file'))).messageCount;
    await eventually(async () => (await ready()) === EVENTS - PREFETCH);
    // As long as it lasts.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await ready()).toBe(EVENTS - PREFETCH);
    expect(told.named('received').filter(({ queue }) => queue.endsWith('Desk.file'))).toHaveLength(PREFETCH);
    await blocker.query('COMMIT');
    await eventually(async () => (await ledger.remembered()).length === EVENTS);
    for (const id of ids) expect(await ledger.of(id)).toEqual(['done']);
    expect(told.named('retried')).toEqual([]);
  });
});
