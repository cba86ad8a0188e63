import { expect, test } from '@jest/globals';
import { identityOf } from '../../lib/consume/event-identity.js';

const event = (id: string, source?: string) => ({
  id,
  cloudEvent: source === undefined ? undefined : { id, source, specversion: '1.0' },
});

test('an event is recognised by its id, and a CloudEvent by its source and its id', () => {
  expect(identityOf(event('7'))).toBe('7');
  expect(identityOf(event('7', '/machines/a'))).toBe('/machines/a 7');
  expect(identityOf(event('7', '/machines/b'))).not.toBe(identityOf(event('7', '/machines/a')));
});

test('an event without an id cannot be recognised', () => {
  expect(identityOf(event(''))).toBe('');
  expect(identityOf(event('', '/machines/a'))).toBe('');
});

test.each([
  ['too long for an index', 'x'.repeat(3_000)],
  ['no text for a database', 'a\0b'],
])('an id that is %s is recognised by its hash', (_what, id) => {
  expect(identityOf(event(id))).toMatch(/^sha256 [0-9a-f]{64}$/);
  expect(identityOf(event(id))).toBe(identityOf(event(id)));
  expect(identityOf(event(`${id}!`))).not.toBe(identityOf(event(id)));
});
