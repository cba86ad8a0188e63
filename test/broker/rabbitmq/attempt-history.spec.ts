import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { attemptsIn, withFailure } from '../../../lib/broker/rabbitmq/attempt-history.js';

const failure = (message: string, ms = 0) => ({
  type: 'Error',
  message,
  stack: undefined,
  at: new Date(Date.UTC(2026, 2, 1) + ms),
});

describe('the history of a message’s attempts', () => {
  test('has each failure with its time, in one line, oldest first', () => {
    const first = withFailure(undefined, 1, failure('no\nconnection'));
    const second = withFailure(first, 2, { ...failure('', 1_500), type: 'TimeoutError' });
    expect(attemptsIn(second)).toEqual([
      { attempt: 1, at: '2026-03-01T00:00:00.000Z', error: 'Error: no connection' },
      { attempt: 2, at: '2026-03-01T00:00:01.500Z', error: 'TimeoutError' },
    ]);
  });

  test('keeps the newest ten', () => {
    let header: unknown;
    for (let attempt = 1; attempt <= 25; attempt++) header = withFailure(header, attempt, failure('no'));
    expect(attemptsIn(header).map(({ attempt }) => attempt)).toEqual([
      16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    ]);
  });

  test('stays below 4,096 bytes whatever the errors are, and always has the newest', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary', maxLength: 3_000 }), { minLength: 1, maxLength: 12 }),
        (messages) => {
          let header: unknown;
          for (const [index, message] of messages.entries())
            header = withFailure(header, index + 1, failure(message));
          expect(Buffer.byteLength(header as string)).toBeLessThanOrEqual(4_096);
          expect(attemptsIn(header).at(-1)?.attempt).toBe(messages.length);
        },
      ),
    );
  });

  test.each([
    undefined,
    7,
    'not json',
    '{}',
    '[]',
    '[1,2]',
    '[["a",1,"b"]]',
    '[[1,1e99,"b"]]',
    '[[1,2]]',
    'null',
  ])('is empty for what is none: %p', (header) => {
    expect(attemptsIn(header)).toEqual([]);
    expect(attemptsIn(withFailure(header, 1, failure('no')))).toHaveLength(1);
  });
});
