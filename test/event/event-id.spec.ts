import { describe, expect, test } from '@jest/globals';
import { isEventId, newEventId } from '../../lib/event/event-id.js';

describe('event ids', () => {
  test('are UUIDv7: in order of time, no two the same', () => {
    const ids = Array.from({ length: 10_000 }, newEventId);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test.each([
    ['018f3c1e-7f6a-7cc2-9b1d-2f3a4b5c6d7e', true],
    ['018F3C1E-7F6A-7CC2-9B1D-2F3A4B5C6D7E', true],
    ['f47ac10b-58cc-4372-a567-0e02b2c3d479', true],
    ['018f3c1e7f6a7cc29b1d2f3a4b5c6d7e', false],
    ['order-1', false],
    ['', false],
    [42, false],
    [undefined, false],
  ])('isEventId(%p) is %p', (id, legal) => {
    expect(isEventId(id)).toBe(legal);
  });
});
