import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent, type OutboxOptions } from 'nestjs-rabbitmq-outbox';
import { eventually, type TestApp } from '../support/outbox-app.js';
import { gate, openStage, type Stage } from './stage.js';

const EVENTS = 200;

@Injectable()
class Slow implements BeforeApplicationShutdown {
  /** Opens when all consumers are cancelled: Nest ends one phase of hooks before it begins the next. */
  readonly cancelled = gate();
  readonly started: string[] = [];
  readonly finished: string[] = [];
  readonly redelivered: string[] = [];
  readonly signals: AbortSignal[] = [];
  hold: Promise<void> | undefined;
  failure: Error | undefined;

  @OnEvent('work', { prefetch: 50, retry: ['1h'] })
  async work(_payload: unknown, { id, redelivered, signal }: EventContext): Promise<void> {
    this.started.push(id);
    this.signals.push(signal);
    if (redelivered) this.redelivered.push(id);
    await this.hold;
    if (this.failure) throw this.failure;
    this.finished.push(id);
  }

  beforeApplicationShutdown(): void {
    this.cancelled.open();
  }
}

describe('shutdown', () => {
  let stage: Stage;
  let queue: string;

  beforeEach(async () => {
    stage = await openStage();
    queue = stage.queue('Slow.work');
  });

  afterEach(() => stage.close());

  async function start(options: Partial<OutboxOptions> = {}): Promise<{ app: TestApp; slow: Slow }> {
    const app = await stage.start({ providers: [Slow], options });
    return { app, slow: app.app.get(Slow) };
  }

  /** An app in the middle of it: 50 handlers run, 150 events wait. */
  async function busy(options: Partial<OutboxOptions> = {}) {
    const { app, slow } = await start(options);
    const { opened, open } = gate();
    slow.hold = opened;
    const ids = await Promise.all(Array.from({ length: EVENTS }, () => stage.publish('work')));
    await eventually(() => slow.started.length === 50);
    return { app, slow, ids, open };
  }

  const waiting = async () => (await stage.look(queue)).messageCount;

  test('in the middle of 200 slow handlers loses nothing, handles nothing twice, and starts nothing more', async () => {
    const { app, slow, ids, open } = await busy();
    const closing = app.close();
    await slow.cancelled.opened;
    const begun = [...slow.started];
    open();
    await closing;
    expect(slow.started).toEqual(begun);
    expect(new Set(slow.finished)).toEqual(new Set(slow.started));
    expect(await waiting()).toBe(EVENTS - slow.finished.length);
    const next = await start();
    await eventually(() => slow.finished.length + next.slow.finished.length >= EVENTS);
    expect([...slow.finished, ...next.slow.finished]).toHaveLength(EVENTS);
    expect(new Set([...slow.finished, ...next.slow.finished])).toEqual(new Set(ids));
    expect(next.slow.redelivered).toEqual([]);
    await next.app.close();
    expect(await waiting()).toBe(0);
  });

  test('waits for handlers that fail, too, until their retries are safe', async () => {
    const { app, slow, open } = await busy();
    slow.failure = new Error('not today');
    const closing = app.close();
    await slow.cancelled.opened;
    open();
    await closing;
    const retries = (await stage.look(`${stage.playground.name}.retry.1h`)).messageCount;
    expect(retries).toBe(slow.started.length);
    expect(await waiting()).toBe(EVENTS - retries);
  });

  test('after shutdownTimeout gives back what still runs, tells it, and takes no late ack', async () => {
    const { app, slow, ids, open } = await busy({ shutdownTimeout: '300ms' });
    expect(slow.signals.some(({ aborted }) => aborted)).toBe(false);
    await app.close();
    expect(slow.signals.every(({ aborted }) => aborted)).toBe(true);
    await eventually(async () => (await waiting()) === EVENTS);
    open();
    await eventually(() => slow.finished.length === 50);
    expect(await waiting()).toBe(EVENTS);
    const next = await start();
    await eventually(() => next.slow.finished.length >= EVENTS);
    expect(new Set(next.slow.finished)).toEqual(new Set(ids));
    expect(next.slow.finished).toHaveLength(EVENTS);
    expect(new Set(next.slow.redelivered)).toEqual(new Set(slow.started));
  });

  test('of several replicas in turn, as in a rolling deployment, loses nothing and handles nothing twice', async () => {
    const ids = new Set<string>();
    const slows: Slow[] = [];
    let previous = await start();
    slows.push(previous.slow);
    let publishing = true;
    const publisher = (async () => {
      while (publishing) {
        ids.add(await stage.publish('work'));
        await new Promise(setImmediate);
      }
    })();
    for (let round = 0; round < 4; round++) {
      const next = await start();
      slows.push(next.slow);
      await eventually(() => next.slow.finished.length > 20);
      await previous.app.close();
      previous = next;
    }
    publishing = false;
    await publisher;
    const finished = () => slows.flatMap((slow) => slow.finished);
    await eventually(() => finished().length >= ids.size);
    await previous.app.close();
    expect(finished()).toHaveLength(ids.size);
    expect(new Set(finished())).toEqual(ids);
    expect(await waiting()).toBe(0);
  });

  test('twice is as good as once, at the same time or one after the other', async () => {
    const { app, slow, open } = await busy();
    const closings = [app.close(), app.close()];
    await slow.cancelled.opened;
    open();
    await Promise.all(closings);
    await app.close();
    expect(new Set(slow.finished)).toEqual(new Set(slow.started));
    expect(await waiting()).toBe(EVENTS - slow.finished.length);
  });

  test('of one app leaves another in the same process alone', async () => {
    const [one, other] = [await start(), await start()];
    await one.app.close();
    const id = await stage.publish('work');
    await eventually(() => other.slow.finished.includes(id));
    expect(one.slow.started).toEqual([]);
  });
});
