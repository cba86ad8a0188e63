import { ConsoleLogger, Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { OnEvent, Reject, type OutboxOptions } from 'nestjs-rabbitmq-outbox';
import { openStage, type Stage } from '../consume/stage.js';
import { eventually, startApp, type TestApp } from '../support/outbox-app.js';

const SECRET = '4111 1111';

@Injectable()
class Orders {
  handled = 0;

  @OnEvent('order.*', { retry: ['100ms'] })
  handle({ how }: { how?: string }): void {
    if (how === 'fail') throw new TypeError('the warehouse is on fire');
    if (how === 'reject') throw new Reject('never');
    this.handled++;
  }
}

interface Line {
  readonly level: string;
  readonly message: string;
  readonly context: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

describe('the log', () => {
  let stage: Stage;
  let app: TestApp;
  let lines: Line[];
  let spies: Array<{ mockRestore(): void }>;

  beforeEach(async () => {
    stage = await openStage();
    lines = [];
  });
  afterEach(async () => {
    for (const spy of spies) spy.mockRestore();
    await app.close();
    await stage.close();
  });

  /** What Nest's own logger writes as JSON. */
  async function start(options: Partial<OutboxOptions> = {}): Promise<void> {
    const write = (chunk: unknown) => {
      for (const line of String(chunk).split('\n'))
        if (line.startsWith('{')) lines.push(JSON.parse(line) as Line);
      return true;
    };
    spies = [process.stdout, process.stderr].map((stream) =>
      jest.spyOn(stream, 'write').mockImplementation(write),
    );
    app = await startApp(stage.playground, { providers: [Orders], options });
    app.app.useLogger(new ConsoleLogger({ json: true }));
  }

  const emitMany = (count: number, how: string) =>
    app.dataSource.transaction((manager) =>
      app.outbox.emitMany(
        manager,
        Array.from({ length: count }, () => ({
          type: 'order.placed',
          payload: { how, card: SECRET },
          headers: { tenant: SECRET },
          key: 'k',
        })),
      ),
    );
  const ours = () => lines.filter(({ context }) => context?.startsWith('Outbox'));

  test('has no line for events that fare well', async () => {
    await start();
    await emitMany(50, 'well');
    await eventually(() => app.app.get(Orders).handled === 50);
    expect(ours()).toEqual([]);
  });

  test('has one line for many events that fail alike, with what to look for as fields, and nothing of their payloads', async () => {
    await start();
    await emitMany(50, 'fail');
    const queue = stage.queue('Orders.handle');
    await eventually(async () => (await stage.look(`${queue}.dlq`)).messageCount === 50);
    expect(ours().map(({ level, message }) => [level, message])).toEqual([
      ['warn', `${queue} failed, again in 100ms: TypeError: the warehouse is on fire`],
      ['error', `${queue} has a dead letter: TypeError: the warehouse is on fire`],
    ]);
    const [failed, dead] = ours();
    const event = { outbox: 'default', queue, handler: 'Orders.handle', type: 'order.placed', key: 'k' };
    expect(failed?.params).toMatchObject({
      ...event,
      event: expect.stringMatching(/^[0-9a-f-]{36}$/),
      attempt: 1,
      stack: expect.stringMatching(/^TypeError: the warehouse is on fire\n.*Orders\.handle/),
    });
    expect(dead?.params).toMatchObject({ ...event, attempt: 2, reason: 'exhausted' });
    expect(JSON.stringify(ours())).not.toContain(SECRET);
    expect(lines.filter(({ level }) => level !== 'log')).toEqual(ours());
  });

  test('has no stack where an error was thrown on purpose', async () => {
    await start();
    await emitMany(1, 'reject');
    const [dead] = await eventually(() => ours().length > 0 && ours());
    expect(dead?.message).toMatch(/has a dead letter: Reject: never$/);
    expect(dead?.params).not.toHaveProperty('stack');
  });

  test('has a line when the broker refuses events, and when they are dead', async () => {
    await start({
      rabbitmq: { unroutable: 'fail' },
      relay: { retry: { attempts: 2, backoff: { delay: 50, jitter: 'none' } } },
    });
    const id = await app.emit('nobody.listens', { card: SECRET });
    await eventually(() => ours().some(({ level }) => level === 'error'));
    expect(ours().map(({ level, message }) => [level, message.split(':')[0]])).toEqual(
      expect.arrayContaining([
        ['warn', 'No queue is bound for "nobody.listens"'],
        ['warn', 'The broker refused an event, it is published again in 50ms'],
        ['error', 'Event is dead, the broker refused it at every attempt'],
      ]),
    );
    expect(ours()).toHaveLength(3);
    expect(ours().at(-1)?.params).toEqual({
      outbox: 'default',
      event: id,
      type: 'nobody.listens',
      key: null,
      attempt: 2,
    });
    expect(JSON.stringify(ours())).not.toContain(SECRET);
  });

  test('has a line when an operator pauses the relay, and when it goes on', async () => {
    await start();
    app.relay.pause();
    app.relay.pause();
    app.relay.resume();
    expect(ours().map(({ message }) => message)).toEqual(['Paused: nothing is published', 'Resumed']);
  });
});
