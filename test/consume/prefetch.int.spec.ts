import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent } from 'nestjs-rabbitmq-outbox';
import { eventually } from '../support/outbox-app.js';
import { openStage, type Stage } from './stage.js';

/** Counts how many run at once, and holds them until it is told to let one go. */
class Counting {
  most = 0;
  done = 0;
  private readonly waiting: Array<() => void> = [];

  get running(): number {
    return this.waiting.length;
  }

  protected async run(): Promise<void> {
    const released = new Promise<void>((resolve) => this.waiting.push(resolve));
    this.most = Math.max(this.most, this.running);
    await released;
    this.done++;
  }

  letGo(): void {
    this.waiting.shift()?.();
  }
}

@Injectable()
class One extends Counting {
  @OnEvent('work', { prefetch: 1 })
  handle(): Promise<void> {
    return this.run();
  }
}

@Injectable()
class Seven extends Counting {
  @OnEvent('work', { prefetch: 7 })
  handle(): Promise<void> {
    return this.run();
  }
}

@Injectable()
class Default extends Counting {
  @OnEvent('work')
  handle(): Promise<void> {
    return this.run();
  }
}

@Injectable()
class Failing {
  readonly seen: string[] = [];

  @OnEvent('work', { prefetch: 1, retry: ['1s'] })
  handle(_payload: unknown, { id, attempt }: EventContext): void {
    this.seen.push(`${id} ${attempt}`);
    if (attempt === 1) throw new Error('later');
  }
}

describe('prefetch', () => {
  let stage: Stage;

  beforeEach(async () => {
    stage = await openStage();
  });

  afterEach(() => stage.close());

  const publish = (count: number) => Promise.all(Array.from({ length: count }, () => stage.publish('work')));

  test.each([
    ['1', One, 1, {}],
    ['7', Seven, 7, {}],
    ['of the module, where the handler has none', Default, 3, { consumers: { prefetch: 3 } }],
  ])(
    '%s: so many run at once, and no more, until all are done',
    async (_what, Handler, prefetch, options) => {
      const { app } = await stage.start({ providers: [Handler], options });
      const handler = app.get<Counting>(Handler);
      await publish(20);
      for (let done = 0; done < 20; done++) {
        await eventually(() => handler.running === Math.min(prefetch, 20 - done));
        expect((await stage.look(stage.queue(`${Handler.name}.handle`))).messageCount).toBe(
          Math.max(0, 20 - done - prefetch),
        );
        handler.letGo();
        await eventually(() => handler.done === done + 1);
      }
      expect(handler.most).toBe(prefetch);
    },
  );

  test('is each handler’s own: a slow one takes nothing from the others', async () => {
    const { app } = await stage.start({ providers: [One, Seven] });
    await publish(7);
    await eventually(() => app.get(Seven).running === 7);
    expect(app.get(One).running).toBe(1);
    for (const handler of [app.get(One), app.get(Seven)]) {
      for (let done = 0; done < 7; done++) {
        await eventually(() => handler.running > 0);
        handler.letGo();
      }
    }
    await eventually(() => app.get(One).done === 7 && app.get(Seven).done === 7);
  });

  test('is not used up by events that wait for their retry', async () => {
    const { app } = await stage.start({ providers: [Failing] });
    const failing = app.get(Failing);
    const ids = await publish(10);
    await eventually(() => failing.seen.length === 20);
    expect(failing.seen.slice(0, 10)).toEqual(ids.map((id) => `${id} 1`));
    expect(new Set(failing.seen.slice(10))).toEqual(new Set(ids.map((id) => `${id} 2`)));
  });

  test('holds for each replica: together they run twice as many, and each event once', async () => {
    const one = (await stage.start({ providers: [Seven] })).app.get(Seven);
    const other = (await stage.start({ providers: [Seven] })).app.get(Seven);
    await publish(30);
    await eventually(() => one.running === 7 && other.running === 7);
    await eventually(() => {
      one.letGo();
      other.letGo();
      return one.done + other.done === 30;
    });
    expect([one.most, other.most]).toEqual([7, 7]);
    expect((await stage.look(stage.queue('Seven.handle'))).messageCount).toBe(0);
  });
});
