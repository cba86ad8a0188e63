import { Injectable } from '@nestjs/common';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventContext, OnEvent, OutboxConsumers } from 'nestjs-rabbitmq-outbox';
import { eventually, type TestAppSettings } from '../../support/outbox-app.js';
import { gate, openStage, type Stage } from '../stage.js';

interface Payload {
  readonly n: number;
}

/** What handlers did, by key, across all apps of a test. */
class Diary {
  readonly begun: Array<{ key: string | undefined; n: number; attempt: number }> = [];
  private readonly running = new Map<string, number>();
  /** The most runs of one key at once, and of all keys. */
  most = { key: 0, all: 0 };
  act: (context: EventContext, n: number) => unknown = () => undefined;

  async run(context: EventContext, { n }: Payload): Promise<void> {
    const { key = '', attempt } = context;
    this.begun.push({ key: context.key, n, attempt });
    this.count(key, 1);
    try {
      await this.act(context, n);
    } finally {
      this.count(key, -1);
    }
  }

  /** Numbers of the events of a key, in the order they were begun. */
  of(key: string): number[] {
    return this.begun.filter((entry) => entry.key === key).map(({ n }) => n);
  }

  private count(key: string, by: 1 | -1): void {
    this.running.set(key, (this.running.get(key) ?? 0) + by);
    const all = [...this.running.values()].reduce((sum, one) => sum + one, 0);
    this.most = {
      key: Math.max(this.most.key, this.running.get(key) ?? 0),
      all: Math.max(this.most.all, all),
    };
  }
}

let diary: Diary;

@Injectable()
class Ledger {
  @OnEvent('book', { ordered: true, prefetch: 20, retry: ['200ms', '200ms'] })
  book(payload: Payload, context: EventContext): Promise<void> {
    return diary.run(context, payload);
  }

  @OnEvent('go.on', { ordered: true, onDead: 'continue', retry: ['100ms'] })
  goOn(payload: Payload, context: EventContext): Promise<void> {
    return diary.run(context, payload);
  }

  @OnEvent('wait', { ordered: true, prefetch: 10, retry: ['1h'] })
  wait(payload: Payload, context: EventContext): Promise<void> {
    return diary.run(context, payload);
  }

  @OnEvent('brief', { ordered: true, onDead: 'continue', timeout: '200ms', retry: false })
  brief(payload: Payload, context: EventContext): Promise<void> {
    return diary.run(context, payload);
  }
}

const NUMBERS = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

describe('an ordered handler', () => {
  let stage: Stage;

  beforeEach(async () => {
    diary = new Diary();
    stage = await openStage();
  });

  afterEach(() => stage.close());

  const start = (settings: TestAppSettings = {}) => stage.start({ providers: [Ledger], ...settings });

  const send = (type: string, key: string | undefined, n: number) =>
    stage.publish(type, { n }, key === undefined ? {} : { headers: { 'outbox-key': key } });

  /** One after the other, so that they are on the queue in this order. */
  async function sendAll(type: string, keys: readonly string[], count: number): Promise<void> {
    for (const n of NUMBERS(count)) await Promise.all(keys.map((key) => send(type, key, n)));
  }

  const done = (count: number) => eventually(() => diary.begun.length >= count);
  const inOrder = (key: string, count: number) => eventually(() => diary.of(key).at(-1) === count);

  test('handles events of one key one after the other, in order, and those of different keys at once', async () => {
    diary.act = () => new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
    await start();
    const keys = ['a', 'b', 'c', 'd'];
    await sendAll('book', keys, 20);
    await done(80);
    for (const key of keys) expect(diary.of(key)).toEqual(NUMBERS(20));
    expect(diary.most.key).toBe(1);
    expect(diary.most.all).toBeGreaterThan(1);
  });

  test('handles events without a key at once, and retries them as always', async () => {
    const { opened, open } = gate();
    diary.act = ({ attempt }) =>
      attempt === 1 ? opened.then(() => Promise.reject(new Error('no'))) : undefined;
    await start();
    for (const n of NUMBERS(3)) await send('book', undefined, n);
    await done(3);
    expect(diary.most.all).toBe(3);
    open();
    await done(6);
    expect(diary.begun.filter(({ attempt }) => attempt === 2)).toHaveLength(3);
  });

  test('holds back the key of an event that fails, through all its retries, and no other', async () => {
    const { opened, open } = gate();
    diary.act = async ({ key, attempt }, n) => {
      if (key !== 'bad' || n !== 2) return;
      if (attempt === 3) await opened;
      else throw new Error(`attempt ${attempt}`);
    };
    await start();
    await sendAll('book', ['bad', 'good'], 5);
    await inOrder('good', 5);
    await eventually(() => diary.begun.some(({ attempt }) => attempt === 3));
    expect(diary.of('bad')).toEqual([1, 2, 2, 2]);
    open();
    await inOrder('bad', 5);
    expect(diary.of('bad')).toEqual([1, 2, 2, 2, 3, 4, 5]);
    await send('book', 'bad', 6);
    await inOrder('bad', 6);
  });

  test('is not held up by a key with more events than it may hold', async () => {
    diary.act = ({ key }) => {
      if (key === 'bad') throw new Error('for a long time');
    };
    const { app } = await start();
    for (const n of NUMBERS(60)) await send('wait', 'bad', n);
    await send('wait', 'good', 1);
    await inOrder('good', 1);
    expect(diary.of('bad')).toEqual([1]);
    const consumers = app.get(OutboxConsumers);
    await eventually(async () => (await consumers.parked('Ledger.wait'))[0]?.waiting === 60);
    expect(await consumers.parked()).toEqual([
      expect.objectContaining({
        consumer: stage.queue('Ledger.wait'),
        key: 'bad',
        attempts: 1,
        state: 'waiting',
        error: 'Error: for a long time',
      }),
    ]);
  });

  test('keeps key and attempts through the end of its process', async () => {
    diary.act = ({ attempt }, n) => {
      if (n === 1 && attempt < 3) throw new Error('not yet');
    };
    const first = await start();
    await sendAll('book', ['k'], 3);
    await eventually(() => diary.begun.some(({ attempt }) => attempt === 2));
    await first.close();
    const before = diary.begun.length;
    await start();
    await inOrder('k', 3);
    expect(diary.begun.slice(before).map(({ n, attempt }) => [n, attempt])).toEqual([
      [1, 3],
      [2, 1],
      [3, 1],
    ]);
  });

  test('with several replicas has one at a time, and hands over in order: nothing lost, nothing twice', async () => {
    diary.act = () => new Promise((resolve) => setTimeout(resolve, 2));
    const keys = ['a', 'b', 'c'];
    let current = await start();
    let sent = 0;
    let sending = true;
    const sender = (async () => {
      while (sending) {
        sent++;
        await Promise.all(keys.map((key) => send('book', key, sent)));
      }
    })();
    for (let replica = 0; replica < 4; replica++) {
      const next = await start();
      const before = diary.begun.length;
      await done(before + 30);
      await current.close();
      current = next;
    }
    sending = false;
    await sender;
    await done(sent * keys.length);
    for (const key of keys) expect(diary.of(key)).toEqual(NUMBERS(sent));
    expect(diary.most.key).toBe(1);
  });

  describe('whose event is dead', () => {
    /** Keeps the key `bad` waiting for its second event, of five. */
    async function dead() {
      let cured = false;
      diary.act = ({ key }, n) => {
        if (key === 'bad' && n === 2 && !cured) throw new Error('never');
      };
      const { app } = await start();
      await sendAll('book', ['bad', 'good'], 5);
      await inOrder('good', 5);
      const consumers = app.get(OutboxConsumers);
      const [key] = await eventually(async () => {
        const keys = await consumers.parked();
        return keys[0]?.state === 'dead' && keys[0].waiting === 4 && keys;
      });
      expect(key).toMatchObject({ key: 'bad', attempts: 3, error: 'Error: never' });
      expect(diary.of('bad')).toEqual([1, 2, 2, 2]);
      const letter = await stage.deadLetter(stage.queue('Ledger.book'));
      expect(JSON.parse(letter.content.toString())).toEqual({ n: 2 });
      return { app, consumers, letter, cure: () => (cured = true) };
    }

    test('keeps its key waiting, until it is skipped', async () => {
      const { consumers } = await dead();
      await send('book', 'bad', 6);
      expect(await consumers.skip('Ledger.book', 'good')).toBe(false);
      expect(await consumers.skip('Ledger.book', 'bad')).toBe(true);
      await inOrder('bad', 6);
      expect(diary.of('bad')).toEqual([1, 2, 2, 2, 3, 4, 5, 6]);
      await eventually(async () => (await consumers.parked()).length === 0);
    });

    test('keeps its key waiting, until it is put back and handled', async () => {
      const { letter, cure } = await dead();
      cure();
      const { headers, ...properties } = letter.properties;
      const fresh = { ...headers, 'outbox-attempt': 1 };
      await stage.send(stage.queue('Ledger.book'), letter.content, { ...properties, headers: fresh });
      await inOrder('bad', 5);
      expect(diary.of('bad')).toEqual([1, 2, 2, 2, 2, 3, 4, 5]);
    });

    test('keeps its key waiting when it is put back in vain, with retries of its own', async () => {
      const { letter, consumers } = await dead();
      const { headers, ...properties } = letter.properties;
      const fresh = { ...headers, 'outbox-attempt': 1 };
      await stage.send(stage.queue('Ledger.book'), letter.content, { ...properties, headers: fresh });
      await stage.deadLetter(stage.queue('Ledger.book'));
      await eventually(async () => (await consumers.parked())[0]?.state === 'dead');
      expect(diary.of('bad')).toEqual([1, 2, 2, 2, 2, 2, 2]);
      expect((await consumers.parked())[0]).toMatchObject({ waiting: 4 });
    });

    test('keeps its key waiting through the end of its process', async () => {
      const { app } = await dead();
      await app.close();
      const next = await start();
      await send('book', 'bad', 6);
      await send('book', 'good', 6);
      await inOrder('good', 6);
      const consumers = next.app.get(OutboxConsumers);
      await eventually(async () => (await consumers.parked())[0]?.waiting === 5);
      expect(diary.of('bad')).toEqual([1, 2, 2, 2]);
    });

    test('goes on without it, if it may', async () => {
      diary.act = (_context, n) => {
        if (n === 2) throw new Error('never');
      };
      await start();
      await sendAll('go.on', ['k'], 4);
      await inOrder('k', 4);
      expect(diary.of('k')).toEqual([1, 2, 2, 3, 4]);
      const letter = await stage.deadLetter(stage.queue('Ledger.goOn'));
      expect(JSON.parse(letter.content.toString())).toEqual({ n: 2 });
      expect(letter.properties.headers).toMatchObject({ 'outbox-key': 'k', 'outbox-attempt': 2 });
    });
  });

  describe('that runs past its timeout', () => {
    test('does not begin with the next event of the key before the run has ended', async () => {
      const { opened, open } = gate();
      diary.act = ({ key }, n) => (key === 'slow' && n === 1 ? opened : undefined);
      await start();
      await sendAll('brief', ['slow', 'quick'], 3);
      await inOrder('quick', 3);
      await stage.deadLetter(stage.queue('Ledger.brief'));
      expect(diary.of('slow')).toEqual([1]);
      open();
      await inOrder('slow', 3);
      expect(diary.most.key).toBe(1);
    });
  });
});
