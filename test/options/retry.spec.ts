import { describe, expect, test } from '@jest/globals';
import type { RetryOptions } from 'nestjs-rabbitmq-outbox';
import { resolveRetry } from '../../lib/options/retry.js';

describe('the forms of a handler’s retry option', () => {
  test.each<[RetryOptions, number[]]>([
    [
      ['1s', '10s', 60_000],
      [1_000, 10_000, 60_000],
    ],
    [[], []],
    [false, []],
    [{}, [1_000, 2_000, 5_000, 10_000]],
    [{ attempts: 1 }, []],
    [{ attempts: 3 }, [1_000, 2_000]],
    [{ attempts: 4, backoff: { delay: '1s', factor: 10, maxDelay: '1m' } }, [1_000, 10_000, 60_000]],
    [{ delays: ['5s'] }, [5_000]],
  ])('%j waits %j ms', (options, delays) => {
    expect(resolveRetry(options).delays).toEqual(delays);
  });

  test('keep retryIf', () => {
    const retryIf = () => false;
    expect(resolveRetry({ retryIf }).retryIf).toBe(retryIf);
    expect(resolveRetry({ delays: ['1s'], retryIf }).retryIf).toBe(retryIf);
  });

  test('keep how much is left to chance, and how often a run is repeated at once', () => {
    expect(resolveRetry({ attempts: 2, backoff: { jitter: 'full' }, immediate: 3 })).toEqual({
      delays: [1_000],
      jitter: 'full',
      immediate: 3,
    });
    expect(resolveRetry({ delays: ['1s'], immediate: 0 })).toEqual({ delays: [1_000] });
  });

  test.each<unknown>([
    { backoff: { jitter: 'some' } },
    { immediate: 11 },
    { immediate: -1 },
    { immediate: 1.5 },
    { immediate: '2' },
    { delays: ['1s'], backoff: { jitter: 'full' } },
  ])('are refused: %j', (options) => {
    expect(() => resolveRetry(options as RetryOptions)).toThrow('must be a list of delays');
  });
});
