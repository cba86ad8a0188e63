import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, HandlerTimeoutError, OnEvent } from 'nestjs-rabbitmq-outbox';
import { eventually, type TestApp } from '../support/outbox-app.js';
import { recordLifecycle } from '../lifecycle/recorder.js';
import { gate, openStage, type Stage } from './stage.js';

/** Runs that begin, and end when the test says so. */
class Runs {
  readonly begun: EventContext[] = [];
  running = 0;
  most = 0;
  /** What a run waits for. */
  hold: (context: EventContext) => Promise<void> | undefined = () => undefined;

  async run(context: EventContext): Promise<void> {
    this.begun.push(context);
    this.most = Math.max(this.most, ++this.running);
    try {
      await this.hold(context);
    } finally {
      this.running--;
    }
  }

  of(id: string): EventContext[] {
    return this.begun.filter((context) => context.id === id);
  }
}

@Injectable()
class Few extends Runs {
  @OnEvent('few', { prefetch: 20, concurrency: 3 })
  few(_payload: unknown, context: EventContext): Promise<void> {
    return this.run(context);
  }
}

@Injectable()
class Brief extends Runs {
  @OnEvent('brief', { prefetch: 20, timeout: '200ms', retry: ['100ms'] })
  brief(_payload: unknown, context: EventContext): Promise<void> {
    return this.run(context);
  }

  @OnEvent('two', { prefetch: 20, concurrency: 2, timeout: '200ms', retry: false })
  two(_payload: unknown, context: EventContext): Promise<void> {
    return this.run(context);
  }
}

@Injectable()
class Plain extends Runs {
  @OnEvent('plain', { retry: false })
  plain(_payload: unknown, context: EventContext): Promise<void> {
    return this.run(context);
  }

  @OnEvent('patient', { retry: false, timeout: '1h' })
  patient(_payload: unknown, context: EventContext): Promise<void> {
    return this.run(context);
  }
}

describe('a handler', () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await openStage();
  });

  afterEach(() => stage.close());

  const publish = (type: string, count: number) =>
    Promise.all(Array.from({ length: count }, () => stage.publish(type)));
  const waiting = async (handler: string) => (await stage.look(stage.queue(handler))).messageCount;

  describe('with a concurrency', () => {
    test('runs no more often at once, though more is delivered', async () => {
      const { app } = await stage.start({ providers: [Few] });
      const few = app.get(Few);
      const { opened, open } = gate();
      few.hold = () => opened;
      const ids = await publish('few', 20);
      await eventually(async () => few.running === 3 && (await waiting('Few.few')) === 0);
      open();
      await eventually(() => few.begun.length === 20);
      expect(few.most).toBe(3);
      expect(new Set(few.begun.map(({ id }) => id))).toEqual(new Set(ids));
    });

    test('gives back at the end what waits for a place, without an attempt', async () => {
      const first = await stage.start({ providers: [Few], options: { shutdownTimeout: '5s' } });
      const few = first.app.get(Few);
      const { opened, open } = gate();
      few.hold = () => opened;
      await publish('few', 20);
      await eventually(async () => few.running === 3 && (await waiting('Few.few')) === 0);
      const closing = first.close();
      await eventually(async () => (await waiting('Few.few')) === 17);
      open();
      await closing;
      expect(few.begun).toHaveLength(3);
      const second = await stage.start({ providers: [Few] });
      const rest = second.app.get(Few);
      await eventually(() => rest.begun.length === 17);
      expect(new Set(rest.begun.map(({ attempt }) => attempt))).toEqual(new Set([1]));
    });
  });

  describe('with a timeout', () => {
    test('that runs past it has failed: its signal aborts, and the event is tried again', async () => {
      const { app } = await stage.start({ providers: [Brief] });
      const brief = app.get(Brief);
      const reasons: unknown[] = [];
      brief.hold = ({ attempt, signal }) =>
        attempt > 1
          ? undefined
          : new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => {
                reasons.push(signal.reason);
                reject(new Error('given up'));
              });
            });
      const id = await stage.publish('brief');
      const [, second] = await eventually(() => brief.of(id).length === 2 && brief.of(id));
      expect(reasons).toEqual([expect.any(HandlerTimeoutError)]);
      expect(reasons).toMatchObject([
        { code: 'OUTBOX_HANDLER_TIMEOUT', handler: 'Brief.brief', timeout: 200 },
      ]);
      expect(second).toMatchObject({ attempt: 2 });
      expect(second?.signal.aborted).toBe(false);
    });

    test('tells it as the error of the dead letter', async () => {
      const { app } = await stage.start({ providers: [Brief] });
      const { opened, open } = gate();
      app.get(Brief).hold = () => opened;
      const id = await stage.publish('two');
      const { properties } = await stage.deadLetter(stage.queue('Brief.two'));
      expect(properties.messageId).toBe(id);
      expect(properties.headers).toMatchObject({
        'outbox-error-type': 'HandlerTimeoutError',
        'outbox-error-message': expect.stringMatching(
          /^Brief\.two has not ended within .* 200 ms/,
        ) as unknown,
      });
      open();
    });

    test('is not started again for an event it still runs for, and is once it has ended', async () => {
      const app = await stage.start({ providers: [Brief] });
      const brief = app.app.get(Brief);
      const deliveries = deliveriesOf(app);
      const { opened, open } = gate();
      brief.hold = ({ attempt }) => (attempt === 1 ? opened : undefined);
      const id = await stage.publish('brief');
      await eventually(() => deliveries(id) === 2);
      const other = await stage.publish('brief');
      await eventually(() => brief.of(other).length === 1);
      expect(brief.of(id)).toHaveLength(1);
      open();
      const [, second] = await eventually(() => brief.of(id).length === 2 && brief.of(id));
      expect(second?.attempt).toBe(2);
    });

    /** How often this process has been handed an event. */
    function deliveriesOf(app: TestApp): (id: string) => number {
      const { named } = recordLifecycle(app);
      return (id) => named('received').filter((message) => message.id === id).length;
    }

    test('keeps its place while it goes on', async () => {
      const { app } = await stage.start({ providers: [Brief] });
      const brief = app.get(Brief);
      const { opened, open } = gate();
      brief.hold = () => opened;
      await publish('two', 5);
      await stage.deadLetter(stage.queue('Brief.two'));
      await stage.deadLetter(stage.queue('Brief.two'));
      expect(brief.begun).toHaveLength(2);
      open();
      await eventually(() => brief.begun.length === 5);
      expect(brief.most).toBe(2);
    });

    test('that ends late, well or badly, changes nothing any more', async () => {
      const { app } = await stage.start({ providers: [Brief] });
      const brief = app.get(Brief);
      const { opened, open } = gate();
      brief.hold = ({ attempt }) =>
        attempt === 1 ? opened.then(() => Promise.reject(new Error('late'))) : undefined;
      const id = await stage.publish('brief');
      await eventually(() => brief.of(id)[0]?.signal.aborted);
      open();
      await eventually(() => brief.of(id).length === 2);
      await eventually(() => brief.running === 0);
      await app.close();
      expect(await waiting('Brief.brief')).toBe(0);
      expect(await stage.take(`${stage.queue('Brief.brief')}.dlq`)).toBeUndefined();
    });

    test('does not hold up the end of the application while a retry waits for the run before it', async () => {
      const app = await stage.start({ providers: [Brief], options: { shutdownTimeout: '10s' } });
      const brief = app.app.get(Brief);
      const deliveries = deliveriesOf(app);
      const { opened, open } = gate();
      brief.hold = () => opened;
      const id = await stage.publish('brief');
      await eventually(() => deliveries(id) === 2);
      await app.close();
      expect(brief.of(id)).toHaveLength(1);
      expect(await waiting('Brief.brief')).toBe(1);
      open();
    });

    test('can be given to all handlers, and to one of them another', async () => {
      const options = { consumers: { timeout: '200ms' } };
      const { app } = await stage.start({ providers: [Plain], options });
      const plain = app.get(Plain);
      const { opened, open } = gate();
      plain.hold = () => opened;
      const patient = await stage.publish('patient');
      const id = await stage.publish('plain');
      const letter = await stage.deadLetter(stage.queue('Plain.plain'));
      expect(letter.properties.messageId).toBe(id);
      expect(plain.of(patient)[0]?.signal.aborted).toBe(false);
      open();
    });
  });
});
