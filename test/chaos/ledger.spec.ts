import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Ledger } from './ledger.mjs';

describe('the ledger of chaos', () => {
  let ledger: Ledger;
  let now: number;

  beforeEach(() => {
    now = 0;
    jest.spyOn(Date, 'now').mockImplementation(() => 1_700_000_000_000 + now);
    ledger = new Ledger();
  });

  const arrive = (at: number, number: number, by = 'relay-1', key = 7) => {
    now = at;
    ledger.delivered(key, number, by);
  };

  test('has nothing to say when each event arrives once, in the order of its key', () => {
    ledger.committed(7, 2);
    ledger.committed(8, 1);
    arrive(1, 1);
    arrive(2, 1, 'relay-2', 8);
    arrive(3, 2);
    expect(ledger.verdict()).toEqual({ lost: [], duplicates: [], unexplained: [], inversions: [] });
    expect(ledger).toMatchObject({ events: 3, arrived: 3, lastArrival: 3 });
  });

  test('names what is lost, between others and at the end', () => {
    ledger.committed(7, 4);
    arrive(1, 1);
    arrive(2, 3);
    expect(ledger.verdict().lost).toEqual([
      { key: 7, number: 2 },
      { key: 7, number: 4 },
    ]);
  });

  test('names what comes for the first time after a later one of its key, however late', () => {
    ledger.committed(7, 3);
    for (const number of [2, 3, 1]) arrive(number, number);
    expect(ledger.verdict().inversions).toMatchObject([{ key: 7, number: 1, after: { number: 3 } }]);
  });

  test('does not call a second delivery an inversion', () => {
    ledger.committed(7, 2);
    for (const number of [1, 2, 1]) arrive(number, number);
    expect(ledger.verdict().inversions).toEqual([]);
    expect(ledger.verdict().duplicates).toMatchObject([{ key: 7, number: 1 }]);
  });

  test.each([
    ['before it, within the margin', 9_600, 20_000],
    ['while it lasted', 10_500, 20_000],
    ['after it, within the margin', 2_000, 11_400],
  ])('explains a duplicate by a fault of a publisher whose delivery came %s', (_, first, second) => {
    now = 10_000;
    ledger.fault('freeze', 'relay-1', { margin: 500, end: 11_000 });
    const [frozen, other] = first > 9_000 ? ['relay-1', 'relay-2'] : ['relay-2', 'relay-1'];
    arrive(first, 1, frozen);
    arrive(second, 1, other);
    expect(ledger.verdict()).toMatchObject({ duplicates: [{ number: 1 }], unexplained: [] });
  });

  test.each([
    ['nobody was harmed', 5_000, 'relay-3'],
    ['its publishers were harmed long after', 60_000, 'relay-1'],
    ['another was harmed at the time', 10_000, 'relay-3'],
  ])('calls a duplicate unexplained when %s', (_, at, by) => {
    now = at;
    ledger.fault('kill', by, { margin: 500 });
    arrive(10_000, 1, 'relay-1');
    arrive(10_200, 1, 'relay-2');
    expect(ledger.verdict().unexplained).toMatchObject([{ key: 7, number: 1 }]);
  });

  test('needs a fault for every delivery but one', () => {
    now = 10_000;
    ledger.fault('kill', 'relay-1', { margin: 500 });
    arrive(10_000, 1, 'relay-1');
    arrive(10_200, 1, 'relay-2');
    arrive(20_000, 1, 'relay-2');
    expect(ledger.verdict().unexplained).toHaveLength(1);
  });

  test('cannot explain an event whose transaction was rolled back', () => {
    ledger.phantoms.push({ key: 7, number: 1 });
    expect(ledger.verdict().unexplained).toEqual([{ key: 7, number: 1 }]);
  });
});
