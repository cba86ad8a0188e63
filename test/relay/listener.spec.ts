import { afterEach, describe, expect, test } from '@jest/globals';
import { Listener } from '../../lib/relay/listener.js';
import type { Listening } from '../../lib/store/store.js';
import { until } from './fakes.js';

const TIMES = { hearing: 20, check: 10, firstRetry: 5, mostRetry: 20 };

/** A database that can be listened to, as a test says. */
class FakeDatabase {
  opened = 0;
  closed = 0;
  hears: () => Promise<boolean> = () => Promise.resolve(true);
  lose: (error: Error) => void = () => undefined;
  open: () => void = () => undefined;

  listen(): Promise<Listening> {
    this.opened++;
    try {
      this.open();
    } catch (error) {
      return Promise.reject(error as Error);
    }
    return Promise.resolve({
      hears: () => this.hears(),
      onLost: (listener) => (this.lose = listener),
      close: () => {
        this.closed++;
        return Promise.resolve();
      },
    });
  }
}

describe('a listener', () => {
  let listener: Listener | undefined;
  let told: string[];
  let heard: number;

  afterEach(() => listener?.stop());

  function listenTo(database: FakeDatabase): void {
    told = [];
    heard = 0;
    const logger = { log: (text: string) => told.push(text), warn: (text: string) => told.push(text) };
    listener = new Listener(database, () => heard++, logger, TIMES);
    listener.start();
    listener.start();
  }

  test('looks once when it begins to hear: what was committed before was notified to nobody', async () => {
    const database = new FakeDatabase();
    listenTo(database);
    await until(() => heard > 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(heard).toBe(1);
    expect(database.opened).toBe(1);
    expect(told).toEqual([]);
    await listener?.stop();
    expect(database.closed).toBe(1);
  });

  test('opens another connection when it has lost one, and looks for what it has missed', async () => {
    const database = new FakeDatabase();
    listenTo(database);
    await until(() => heard === 1);
    database.lose(new Error('terminated by administrator'));
    await until(() => heard === 2);
    expect([database.opened, database.closed]).toEqual([2, 1]);
    expect(told).toEqual([
      expect.stringMatching(/found by polling: terminated by administrator/),
      'Notified of events of other processes again.',
    ]);
  });

  test('notices that nothing comes through, says so once, and goes on trying', async () => {
    const database = new FakeDatabase();
    database.hears = () => Promise.resolve(false);
    listenTo(database);
    await until(() => database.opened >= 3);
    expect(told).toEqual([expect.stringMatching(/found by polling: .* pooler/)]);
    expect(heard).toBe(0);
    database.hears = () => Promise.resolve(true);
    await until(() => heard === 1);
    expect(told).toHaveLength(2);
  });

  test('notices a connection that has gone deaf without a word', async () => {
    const database = new FakeDatabase();
    listenTo(database);
    expect(listener?.isHearing).toBe(false);
    await until(() => heard === 1);
    expect(listener?.isHearing).toBe(true);
    let deaf = true;
    database.hears = () => Promise.resolve(!deaf);
    await until(() => database.closed === 1);
    expect(listener?.isHearing).toBe(false);
    deaf = false;
    await until(() => heard === 2);
    expect(listener?.isHearing).toBe(true);
    expect(database.opened).toBeGreaterThanOrEqual(2);
  });

  test('waits for a database that is away, and stops in the middle of it', async () => {
    const database = new FakeDatabase();
    database.open = () => {
      throw new Error('connection refused');
    };
    listenTo(database);
    await until(() => database.opened >= 3);
    expect(told).toHaveLength(1);
    await listener?.stop();
    const { opened } = database;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(database.opened).toBe(opened);
  });
});
