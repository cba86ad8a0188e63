import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { continueChain, Tracking, trackingIdsOf, trackingText } from '../../lib/event/tracking.js';

const ids = (count: number) => Array.from({ length: count }, (_, index) => `id-${index}`);

describe('a chain', () => {
  test('goes on from the event that is handled', () => {
    const handled = { id: 'b', correlationId: 'request', trackingIds: ['request', 'a'] };
    expect(continueChain(handled)).toEqual({
      correlationId: 'request',
      causationId: 'b',
      trackingIds: ['request', 'a', 'b'],
    });
  });

  test('begins with an event that belongs to none', () => {
    expect(continueChain({ id: 'a', correlationId: undefined, trackingIds: [] })).toEqual({
      correlationId: undefined,
      causationId: 'a',
      trackingIds: ['a'],
    });
  });

  test('is not lengthened by a foreign message without an id', () => {
    expect(continueChain({ id: '', correlationId: 'c', trackingIds: ['a'] })).toEqual({
      correlationId: 'c',
      causationId: undefined,
      trackingIds: ['a'],
    });
  });

  test.each([98, 99, 100, 101, 5_000])(
    'of %d ids keeps the last hundred, the newest at the end',
    (length) => {
      const chain = continueChain({ id: 'newest', correlationId: 'c', trackingIds: ids(length) });
      expect(chain.trackingIds).toEqual([...ids(length), 'newest'].slice(-100));
    },
  );

  test.each([
    ['too long', 'é'.repeat(128)],
    ['with a NUL', 'a\0b'],
    ['with half a surrogate pair', 'a\ud800'],
  ])('leaves out a foreign id that our events cannot carry: one %s', (_what, id) => {
    expect(continueChain({ id, correlationId: id, trackingIds: ['a', id, 'b'] })).toEqual({
      correlationId: undefined,
      causationId: undefined,
      trackingIds: ['a', 'b'],
    });
  });

  test('is one header, whatever the ids are', () => {
    expect(trackingText(['a', 'b'])).toBe('a,b');
    expect(trackingText(['a,b', '100%'])).toBe('a%2Cb,100%25');
    const id = fc.string({ unit: 'binary', minLength: 1 });
    fc.assert(
      fc.property(fc.array(id), (chain) => {
        expect(trackingIdsOf(trackingText(chain))).toEqual(chain);
      }),
    );
  });

  test.each<[string | undefined, string[]]>([
    [undefined, []],
    ['', []],
    [',,', []],
    ['a,,b', ['a', 'b']],
    ['100%,%zz,%2c', ['100%', '%zz', ',']],
  ])('of others is read from %p as well as can be', (text, expected) => {
    expect(trackingIdsOf(text)).toEqual(expected);
  });
});

describe('tracking', () => {
  const chain = (id: string) => ({ correlationId: id, trackingIds: [id] });

  test('holds for what is called within, however it goes on, and not beyond', async () => {
    const tracking = new Tracking();
    const current = () => tracking.current()?.correlationId;
    expect(current()).toBeUndefined();
    const seen = await tracking.run(
      () => chain('a'),
      async () => {
        await Promise.resolve();
        const timer = await new Promise((resolve) => setTimeout(() => resolve(current()), 1));
        const inner = await tracking.run(
          () => chain('b'),
          () => Promise.all([Promise.resolve(current()), Promise.resolve().then(current)]),
        );
        return [current(), timer, ...inner, current()];
      },
    );
    expect(seen).toEqual(['a', 'a', 'b', 'b', 'a']);
    expect(current()).toBeUndefined();
  });

  test('of one outbox is nothing to another', () => {
    const [one, other] = [new Tracking(), new Tracking()];
    expect(
      one.run(
        () => chain('a'),
        () => other.current(),
      ),
    ).toBeUndefined();
  });
});
