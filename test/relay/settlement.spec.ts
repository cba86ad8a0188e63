import { describe, expect, test } from '@jest/globals';
import type { PublishOutcome } from '../../lib/broker/publisher.js';
import { PublishRefusedError } from '../../lib/errors/publish-refused.error.js';
import { verdictOf, type SettlementPolicy, type Verdict } from '../../lib/relay/settlement.js';
import type { Failure, PendingEvent } from '../../lib/store/store.js';

const POLICY: SettlementPolicy = {
  unroutable: 'record',
  exchange: 'events',
  attempts: 3,
  backoff: { delay: 1_000, factor: 2, maxDelay: 60_000, jitter: 'none' },
};

const verdict = (
  outcome: PublishOutcome,
  attempts = 0,
  policy: Partial<SettlementPolicy> = {},
  requireRoute: boolean | null = null,
) =>
  verdictOf({ seq: 7, type: 'type.7', attempts, exchange: null, requireRoute } as PendingEvent, outcome, {
    ...POLICY,
    ...policy,
  });
const failureOf = (it: Verdict): Failure => (it as Extract<Verdict, { failure: Failure }>).failure;

const CONFIRMED = { kind: 'confirmed' } as const;
const RETURNED = { kind: 'returned' } as const;
const REFUSED = { kind: 'refused', error: new PublishRefusedError('too large') } as const;
const UNKNOWN = { kind: 'unknown', error: new Error('gone') } as const;

describe('what becomes of a row', () => {
  test('is what the broker says of its event', () => {
    expect(verdict(CONFIRMED)).toEqual({ kind: 'published' });
    expect(verdict(RETURNED)).toEqual({ kind: 'returned' });
    expect(verdict(REFUSED)).toEqual({
      kind: 'rescheduled',
      failure: { seq: 7, attempts: 0, error: 'PublishRefusedError: too large', delay: 1_000 },
    });
  });

  test('is nothing if its fate is unknown, which is nobody’s fault', () => {
    expect(verdict(UNKNOWN)).toEqual(UNKNOWN);
  });

  test.each([
    [0, 1_000],
    [1, 2_000],
  ])('refused with %p failed attempts is a wait of %p ms', (attempts, delay) => {
    expect(failureOf(verdict(REFUSED, attempts))).toMatchObject({ attempts, delay });
  });

  test('is death after its last attempt', () => {
    expect(verdict(REFUSED, 2)).toMatchObject({ kind: 'dead', failure: { seq: 7, attempts: 2 } });
    expect(verdict(REFUSED, 0, { attempts: 1 })).toMatchObject({ kind: 'dead' });
  });

  test("is a failure for a return when unroutable is 'fail'", () => {
    const failed = verdict(RETURNED, 0, { unroutable: 'fail' });
    expect(failed.kind).toBe('rescheduled');
    expect(failureOf(failed).error).toMatch(
      /^UnroutableEventError: No queue is bound to exchange "events" for routing key "type\.7"/,
    );
  });

  test.each([
    ['record', null, 'returned'],
    ['record', true, 'rescheduled'],
    ['record', false, 'returned'],
    ['fail', null, 'rescheduled'],
    ['fail', true, 'rescheduled'],
    ['fail', false, 'returned'],
  ] as const)(
    "with unroutable: '%s' and requireRoute: %p of the event, a return is %p",
    (unroutable, own, kind) => {
      expect(verdict(RETURNED, 0, { unroutable }, own).kind).toBe(kind);
    },
  );

  test('names the option that made a return a failure', () => {
    const text = (unroutable: 'record' | 'fail', own: boolean | null) =>
      failureOf(verdict(RETURNED, 0, { unroutable }, own)).error;
    expect(text('fail', null)).toMatch(/or set rabbitmq\.unroutable to 'record'\.$/);
    expect(text('record', true)).toMatch(/or emit it without requireRoute\.$/);
  });

  test('says why in few words, free of what the database cannot store', () => {
    const error = new PublishRefusedError(`no exchange 'a\0b' ${'x'.repeat(10_000)}`);
    const failure = failureOf(verdict({ kind: 'refused', error }));
    expect(failure.error).toContain("no exchange 'ab'");
    expect(failure.error).toHaveLength(4_096);
  });
});
