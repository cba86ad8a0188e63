import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { DatabaseGate } from '../../lib/consume/database-gate.js';
import { eventually } from '../support/outbox-app.js';

describe('the gate to the database of the inbox', () => {
  let log: string[];
  let heard: string[];
  let answers: boolean;
  let probes: number;
  let gate: DatabaseGate;

  beforeEach(() => {
    [log, heard, answers, probes] = [[], [], false, 0];
  });
  afterEach(() => gate.end());

  function makeGate(patience = 60_000): DatabaseGate {
    const probe = () => {
      probes++;
      return answers ? Promise.resolve() : Promise.reject(new Error('no'));
    };
    const tell = (line: unknown) => void log.push(String(line));
    gate = new DatabaseGate(probe, patience, { log: tell, warn: tell });
    gate.listen({
      closedForLong: () => void heard.push('closed for long'),
      opened: () => void heard.push('opened'),
    });
    return gate;
  }

  test('is open at first, and costs nothing', () => {
    expect(makeGate().pass([])).toBe(true);
  });

  test('holds back whoever comes while it is closed, until the database answers', async () => {
    makeGate().close(new Error('connection refused'));
    const passed: unknown[] = [];
    const passing = Promise.all([1, 2].map(async () => passed.push(await gate.pass([]))));
    await eventually(() => probes > 1);
    expect(passed).toEqual([]);
    answers = true;
    await passing;
    expect(passed).toEqual([true, true]);
    expect(gate.pass([])).toBe(true);
  });

  test('tells once that it closed, however many find it so, and once that it opened', async () => {
    makeGate();
    for (let times = 0; times < 5; times++) gate.close(new Error('connection refused'));
    answers = true;
    await gate.pass([]);
    expect(log).toEqual([
      expect.stringMatching(/does not answer: Error: connection refused\. .* spend no attempt/),
      expect.stringMatching(/is back after \d+ ms/),
    ]);
  });

  test('lets nobody in whose wait is over', async () => {
    makeGate().close(new Error('no'));
    const over = new AbortController();
    const passing = gate.pass([new AbortController().signal, over.signal]);
    over.abort();
    expect(await passing).toBe(false);
    expect(await gate.pass([over.signal])).toBe(false);
  });

  test('says when deliveries have been held long enough, and when it is open again', async () => {
    makeGate(50).close(new Error('no'));
    await eventually(() => heard.length === 1);
    answers = true;
    await gate.pass([]);
    expect(heard).toEqual(['closed for long', 'opened']);
    await sleep(60);
    expect(heard).toHaveLength(2);
  });

  test('closes again', async () => {
    answers = true;
    makeGate().close(new Error('no'));
    await gate.pass([]);
    answers = false;
    gate.close(new Error('no'));
    expect(gate.pass([])).toBeInstanceOf(Promise);
  });

  test('ends for good: nobody looks for the database any more', async () => {
    makeGate().close(new Error('no'));
    await eventually(() => probes > 0);
    gate.end();
    const before = probes;
    await sleep(300);
    expect(probes).toBe(before);
    expect(heard).toEqual([]);
  });
});
