import type { ConsumeMessage } from 'amqplib';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromDelivery } from '../../../lib/broker/rabbitmq/incoming.js';
import { preservedProperties, restored } from '../../../lib/broker/rabbitmq/preserved.js';

const scalar = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.boolean(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((n) => !Object.is(n, -0)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
);
const name = fc.string({ minLength: 1, maxLength: 10 }).filter((key) => key !== '__proto__');
const table = fc.dictionary(
  name,
  fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }), fc.dictionary(name, scalar)),
);

describe('a message that is preserved', () => {
  test('is the same when it is restored, whatever its headers hold', () => {
    fc.assert(
      fc.property(table, fc.uint8Array(), (headers, bytes) => {
        const raw = {
          content: Buffer.from(bytes),
          fields: {
            deliveryTag: 7,
            redelivered: true,
            exchange: 'events',
            routingKey: 'a.b',
            consumerTag: 'c',
          },
          properties: { headers, messageId: 'id', type: 't', timestamp: 1, priority: 3, userId: undefined },
        } as unknown as ConsumeMessage;
        const message = fromDelivery(raw);
        const again = restored(preservedProperties(message), raw.content);
        const { properties, content, fields } = again.raw as ConsumeMessage;
        expect(properties.headers).toEqual(headers);
        expect(content).toEqual(raw.content);
        expect(fields).toMatchObject({ exchange: 'events', routingKey: 'a.b' });
        expect({ ...again, redelivered: true, raw }).toEqual(message);
      }),
    );
  });
});
