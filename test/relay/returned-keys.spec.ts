import { describe, expect, test } from '@jest/globals';
import { ReturnedKeys } from '../../lib/relay/returned-keys.js';

describe('the routing keys that nobody listens to', () => {
  test('are counted by exchange, the most frequent first', () => {
    const keys = new ReturnedKeys();
    keys.add({ exchange: null, type: 'order.placed' });
    keys.add({ exchange: 'other', type: 'order.placed' });
    keys.add({ exchange: 'other', type: 'order.placed' });
    expect(keys.top()).toEqual([
      { exchange: 'other', routingKey: 'order.placed', count: 2 },
      { exchange: null, routingKey: 'order.placed', count: 1 },
    ]);
    expect(keys.top(1)).toHaveLength(1);
  });

  test('are not kept without end', () => {
    const keys = new ReturnedKeys();
    for (let i = 0; i < 10_000; i++) keys.add({ exchange: null, type: `order.${i}` });
    keys.add({ exchange: null, type: 'order.7' });
    expect(keys.top()).toHaveLength(100);
    expect(keys.top()[0]).toEqual({ exchange: null, routingKey: 'order.7', count: 2 });
  });
});
