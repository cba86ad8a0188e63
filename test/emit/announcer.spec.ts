import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Announcer } from '../../lib/emit/announcer.js';

describe('an announcer', () => {
  let sent: number[];
  let warnings: string[];
  let notify: () => Promise<void>;
  let announcer: Announcer;

  beforeEach(() => {
    jest.useFakeTimers();
    sent = [];
    warnings = [];
    notify = () => Promise.resolve();
    const logger = { warn: (text: string) => warnings.push(text) };
    announcer = new Announcer(() => {
      sent.push(performance.now());
      return notify();
    }, logger);
  });
  afterEach(() => {
    announcer.close();
    jest.useRealTimers();
  });

  const pass = (ms: number) => jest.advanceTimersByTimeAsync(ms);

  test('tells of the first commit at once, and of those that follow together', async () => {
    announcer.announce();
    expect(sent).toHaveLength(1);
    for (let commit = 0; commit < 50; commit++) announcer.announce();
    await pass(4);
    expect(sent).toHaveLength(1);
    await pass(2);
    expect(sent).toHaveLength(2);
    await pass(1_000);
    expect(sent).toHaveLength(2);
    announcer.announce();
    expect(sent).toHaveLength(3);
  });

  test('never has two notifications on their way, and tells of what came meanwhile', async () => {
    let answer!: () => void;
    notify = () => new Promise((resolve) => (answer = resolve));
    announcer.announce();
    announcer.announce();
    await pass(1_000);
    expect(sent).toHaveLength(1);
    answer();
    await pass(6);
    expect(sent).toHaveLength(2);
  });

  test('goes on when one fails, and says so once', async () => {
    notify = () => Promise.reject(new Error('connection refused'));
    for (let commit = 0; commit < 3; commit++) {
      announcer.announce();
      await pass(10);
    }
    expect(sent).toHaveLength(3);
    expect(warnings).toEqual([expect.stringContaining('connection refused')]);
    notify = () => Promise.resolve();
    announcer.announce();
    await pass(10);
    notify = () => Promise.reject(new Error('gone again'));
    announcer.announce();
    await pass(10);
    expect(warnings).toHaveLength(2);
  });

  test('is silent once closed', async () => {
    announcer.announce();
    announcer.announce();
    announcer.close();
    await pass(100);
    announcer.announce();
    await pass(100);
    expect(sent).toHaveLength(1);
  });
});
