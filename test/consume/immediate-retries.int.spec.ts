import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type EventBatch, type EventContext, OnEvent, Reject, Retry } from 'nestjs-rabbitmq-outbox';
import { recordLifecycle } from '../lifecycle/recorder.js';
import { eventually } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

const retry = { immediate: 2, delays: ['100ms'] };

@Injectable()
class Market {
  readonly runs: Array<{ readonly id: string; readonly attempt: number; readonly at: number }> = [];
  readonly batches: string[][] = [];
  fail: (id: string, run: number) => unknown = () => undefined;
  running = 0;
  most = 0;

  @OnEvent('single', { retry })
  single(_payload: unknown, context: EventContext): void {
    this.run(context);
  }

  @OnEvent('narrow', { retry, concurrency: 1, timeout: '400ms' })
  async narrow(_payload: unknown, context: EventContext): Promise<void> {
    this.most = Math.max(this.most, ++this.running);
    try {
      await this.run(context);
    } finally {
      this.running--;
    }
  }

  @OnEvent('inbox', { retry, inbox: true })
  async inbox(_payload: unknown, context: EventContext): Promise<void> {
    await this.run(context);
  }

  @OnEvent('ordered', { retry, ordered: true })
  ordered(_payload: unknown, context: EventContext): void {
    this.run(context);
  }

  @OnEvent('batch', { retry, batch: { size: 3, wait: '200ms' } })
  batch(_payloads: unknown[], batch: EventBatch): void {
    this.batches.push(batch.contexts.map(({ id }) => id));
    for (const [index, context] of batch.contexts.entries()) {
      const error = this.failureOf(context);
      if (error instanceof Error) batch.fail(index, error);
    }
  }

  runsOf(id: string): number[] {
    return this.runs.filter((run) => run.id === id).map(({ attempt }) => attempt);
  }

  private run(context: EventContext): unknown {
    const outcome = this.failureOf(context);
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }

  private failureOf({ id, attempt }: EventContext): unknown {
    this.runs.push({ id, attempt, at: performance.now() });
    return this.fail(id, this.runsOf(id).length);
  }
}

describe('retries at once, in place', () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await openStage();
  });

  afterEach(() => stage.close());

  async function start() {
    const app = await stage.start({ providers: [Market] });
    return { market: app.app.get(Market), told: recordLifecycle(app) };
  }
  const send = (type: string, id: string) =>
    stage.publish(type, {}, { messageId: id, headers: { 'outbox-key': 'k' } });

  test.each(['single', 'narrow', 'inbox', 'ordered', 'batch'])(
    'come before the delays, and are no attempts of their own: %s',
    async (type) => {
      const { market, told } = await start();
      market.fail = () => new Error('always');
      await send(type, 'a');
      await eventually(() => told.named('dead-lettered').length === 1);
      expect(market.runsOf('a')).toEqual([1, 1, 1, 2, 2, 2]);
      expect(told.named('retried')).toHaveLength(1);
      const [first, , third, fourth] = market.runs.map(({ at }) => at);
      expect(Number(fourth) - Number(third)).toBeGreaterThanOrEqual(95);
      expect(Number(third) - Number(first)).toBeLessThan(Number(fourth) - Number(first));
    },
  );

  test.each(['single', 'narrow', 'inbox', 'ordered', 'batch'])(
    'end with the first success, which is all that is told: %s',
    async (type) => {
      const { market, told } = await start();
      market.fail = (_, run) => (run < 3 ? new Error('lost a race') : undefined);
      await send(type, 'a');
      await eventually(() => told.named('handled').length === 1);
      expect(market.runsOf('a')).toEqual([1, 1, 1]);
      expect(told.named('retried')).toEqual([]);
    },
  );

  test('are not for what is refused for good, nor for what asks for a wait', async () => {
    const { market, told } = await start();
    market.fail = (id, run) => {
      if (id === 'refused') return new Reject('no');
      return run === 1 ? new Retry('later', { delay: '100ms' }) : undefined;
    };
    await send('single', 'refused');
    await send('single', 'later');
    await eventually(() => told.named('dead-lettered').length + told.named('handled').length === 2);
    expect(market.runsOf('refused')).toEqual([1]);
    expect(market.runsOf('later')).toEqual([1, 2]);
  });

  test('are not for a run past its timeout, which still goes on', async () => {
    const { market, told } = await start();
    market.fail = (_, run) => (run === 1 ? new Promise((resolve) => setTimeout(resolve, 600)) : undefined);
    await send('narrow', 'slow');
    await eventually(() => told.named('handled').length === 1);
    expect(market.runsOf('slow')).toEqual([1, 2]);
  });

  test('keep to the concurrency', async () => {
    const { market, told } = await start();
    market.fail = (_, run) => (run < 3 ? new Error('lost a race') : undefined);
    for (const id of ['a', 'b', 'c', 'd']) await send('narrow', id);
    await eventually(() => told.named('handled').length === 4);
    expect(market.most).toBe(1);
    for (const id of ['a', 'b', 'c', 'd']) expect(market.runsOf(id)).toEqual([1, 1, 1]);
  });

  test('of a batch are of those events alone that failed', async () => {
    const { market, told } = await start();
    market.fail = (id, run) => (id === 'b' && run < 3 ? new Error('lost a race') : undefined);
    for (const id of ['a', 'b', 'c']) await send('batch', id);
    await eventually(() => told.named('handled').length === 3);
    expect(market.batches).toEqual([['a', 'b', 'c'], ['b'], ['b']]);
  });
});
