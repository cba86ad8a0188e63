import { describe, expect, test } from '@jest/globals';
import { PublishRefusedError } from '../../lib/errors/publish-refused.error.js';
import type { BatchOutcome } from '../../lib/relay/failing-keys.js';
import { settlementOf, type SettlementPolicy } from '../../lib/relay/settlement.js';
import type { ClaimedEvent } from '../../lib/store/store.js';

const POLICY: SettlementPolicy = {
  unroutable: 'record',
  exchange: 'events',
  attempts: 3,
  backoff: { delay: 1_000, factor: 2, maxDelay: 60_000, jitter: 'none' },
};

const event = (seq: string, attempts = 0) =>
  ({ seq, type: `type.${seq}`, attempts, exchange: null }) as ClaimedEvent;
const settle = (events: ClaimedEvent[], outcomes: BatchOutcome[], policy: Partial<SettlementPolicy> = {}) =>
  settlementOf(events, outcomes, { ...POLICY, ...policy });

const CONFIRMED = { kind: 'confirmed' } as const;
const RETURNED = { kind: 'returned' } as const;
const REFUSED = { kind: 'refused', error: new PublishRefusedError('too large') } as const;
const UNKNOWN = { kind: 'unknown', error: new Error('gone') } as const;
const HELD = { kind: 'held' } as const;
const NOTHING = { published: [], returned: [], rescheduled: [], dead: [] };

describe('what becomes of the rows', () => {
  test('each goes its own way', () => {
    const events = ['1', '2', '3', '4', '5'].map((seq) => event(seq));
    expect(settle(events, [CONFIRMED, RETURNED, REFUSED, UNKNOWN, HELD])).toEqual({
      published: ['1'],
      returned: ['2'],
      rescheduled: [{ seq: '3', error: 'PublishRefusedError: too large', delay: 1_000 }],
      dead: [],
    });
  });

  test('an unknown fate, and a held one, are nobody’s fault: the row stays as it is', () => {
    expect(settle([event('1'), event('2')], [UNKNOWN, HELD])).toEqual(NOTHING);
  });

  test.each([
    [0, 1_000],
    [1, 2_000],
  ])('a refused event with %p failed attempts waits %p ms', (attempts, delay) => {
    expect(settle([event('1', attempts)], [REFUSED]).rescheduled).toMatchObject([{ delay }]);
  });

  test('its last attempt makes it dead', () => {
    expect(settle([event('1', 2)], [REFUSED])).toMatchObject({ rescheduled: [], dead: [{ seq: '1' }] });
    expect(settle([event('1')], [REFUSED], { attempts: 1 })).toMatchObject({ dead: [{ seq: '1' }] });
  });

  test("a return is a failure when unroutable is 'fail'", () => {
    const { returned, rescheduled } = settle([event('1')], [RETURNED], { unroutable: 'fail' });
    expect(returned).toEqual([]);
    expect(rescheduled[0]?.error).toMatch(
      /^UnroutableEventError: No queue is bound to exchange "events" for routing key "type\.1"/,
    );
  });

  test('errors are kept short, and free of what the database cannot store', () => {
    const error = new PublishRefusedError(`no exchange 'a\0b' ${'x'.repeat(10_000)}`);
    const [failed] = settle([event('1')], [{ kind: 'refused', error }]).rescheduled;
    expect(failed?.error).toContain("no exchange 'ab'");
    expect(failed?.error).toHaveLength(4_096);
  });
});
