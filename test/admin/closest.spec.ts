import { expect, test } from '@jest/globals';
import { closest } from '../../lib/admin/doctor/closest.js';

const types = ['order.placed', 'order.shipped', 'invoice.sent'];

test.each([
  ['a slip of the pen', 'order.palced', 'order.placed'],
  ['a slip in the first word', 'odrer.placed', 'order.placed'],
  ['what another service emits', 'payment.received', undefined],
  ['a pattern of others that begins with anything', '*.deleted.now', undefined],
])('of %s the closest type is told, if there is one', (_what, pattern, type) => {
  expect(closest(pattern, types)?.type).toBe(type);
});
